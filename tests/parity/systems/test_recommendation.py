"""DIN and SASRec against plain loops, by hand on four films, and what the four shipped networks say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from attnviz import shipped
from attnviz.core.gates import Gate
from attnviz.core.interventions import ForbidEdge, HideToken, RemoveHeads
from attnviz.core.rules import Soft, TopK
from attnviz.errors import AttnvizError
from attnviz.systems.recommendation import NAMES
from attnviz.systems.recommendation.films import Film, Films
from attnviz.systems.recommendation.network import DIN, SASRec, Shape, network
from attnviz.systems.recommendation.system import Recommender, load
from attnviz.trace import load_trace

MADE = Films(
    tuple(
        Film(f"000000{n}", title, 1990 + n, (genre,))
        for n, (title, genre) in enumerate(
            [("Rocket", "Sci-Fi"), ("Robot", "Sci-Fi"), ("Kiss", "Romance"), ("Roses", "Romance"), ("Fog", "Horror")]
        )
    )
)
ALIEN, HISTORY = "Alien (1979)", "Alien\nBlade Runner\nThe Matrix (1999)\nToy Story"


def drawn(kind: str, seed: int = 3, **how: object) -> SASRec | DIN:
    """A network whose numbers are all by chance, in float64."""
    shape = Shape(kind, len(MADE), 4, 6, heads=2, hidden=3, **how)  # type: ignore[arg-type]
    made = network(shape, MADE).double().eval()
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in made.parameters():
            one.copy_(torch.randn(one.shape, generator=chance, dtype=torch.float64) * 0.7)
    made.table.genre_shares = made.table.genre_shares.double()
    return made.requires_grad_(False)


def vector(made: SASRec | DIN, film: int) -> list[float]:
    """A film's numbers: its own, its genres' mean, its years'."""
    table, found = made.table, []
    for d in range(4):
        genre = sum(float(table.genre_shares[film, g] * table.genres[g, d]) for g in range(len(MADE.genres)))
        found.append(float(table.own.weight[film, d]) + genre + float(table.years[int(table.spans[film]), d]))
    return found


def through(matrix: Tensor, x: list[float], bias: Tensor | None = None) -> list[float]:
    """A matrix times a vector, number by number."""
    return [
        sum(float(w) * v for w, v in zip(row, x, strict=True)) + (0.0 if bias is None else float(bias[n]))
        for n, row in enumerate(matrix)
    ]


@pytest.mark.parametrize("softmax", [False, True])
def test_din_is_the_formula_of_its_paper(softmax: bool) -> None:
    made, history, candidate = drawn("din", softmax=softmax), [3, 0, 2], 1
    assert isinstance(made, DIN)
    asks, seen = vector(made, candidate), [vector(made, film) for film in history]
    scores = []
    for film in seen:
        both = [q * k for q, k in zip(asks, film, strict=True)]
        inside = [
            a + b + c + float(made.hidden_bias[n])
            for n, (a, b, c) in enumerate(
                zip(
                    through(made.looking, asks), through(made.looked_at, film), through(made.product, both), strict=True
                )
            )
        ]
        bent = [x if x > 0 else float(made.slope) * x for x in inside]
        scores.append(sum(float(v) * x for v, x in zip(made.vector, bent, strict=True)) + float(made.vector_bias))
    if softmax:
        weights = [math.exp(s) / sum(map(math.exp, scores)) for s in scores]
    else:
        weights = [1 / (1 + math.exp(-s)) for s in scores]
    interest = [sum(w * film[d] for w, film in zip(weights, seen, strict=True)) for d in range(4)]
    judged = through(
        made.first.weight,
        [*interest, *asks, *(a * b for a, b in zip(interest, asks, strict=True))],
        made.first.bias,
    )
    judged = [x if x > 0 else float(made.bend.weight) * x for x in judged]
    score = through(made.second.weight, judged)[0] + float(made.table.bias[candidate])
    looked = made.look(made.table(torch.tensor([candidate]))[None], made.table(torch.tensor(history))[None], made.rule)
    assert looked.weights[0, 0].tolist() == pytest.approx(weights, abs=1e-12)
    assert float(made.over_all(torch.tensor(history))[candidate]) == pytest.approx(score, abs=1e-12)
    assert (sum(weights) == pytest.approx(1)) == softmax


def normed(x: list[float], norm: torch.nn.LayerNorm) -> list[float]:
    mean = sum(x) / len(x)
    spread = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + norm.eps)
    return [(v - mean) / spread * float(norm.weight[n]) + float(norm.bias[n]) for n, v in enumerate(x)]


def test_sasrec_is_a_plain_loop_over_films_heads_and_layers() -> None:
    made, history = drawn("sasrec"), [4, 1, 0, 3]
    assert isinstance(made, SASRec)
    states = [[v + float(made.places[n, d]) for d, v in enumerate(vector(made, f))] for n, f in enumerate(history)]
    maps = []
    for layer in made.layers:
        low = [normed(x, layer.before) for x in states]
        queries, keys, values = (
            [through(one.weight, x, one.bias) for x in low] for one in (layer.query, layer.key, layer.value)
        )
        taken = [[0.0] * 4 for _ in history]
        for head in range(2):
            part = range(head * 2, head * 2 + 2)
            for i in range(len(history)):
                scores = [sum(queries[i][d] * keys[j][d] for d in part) / math.sqrt(2) for j in range(i + 1)]
                weights = [math.exp(s) / sum(map(math.exp, scores)) for s in scores]
                maps.append((head, i, weights))
                for d in part:
                    taken[i][d] = sum(w * values[j][d] for j, w in enumerate(weights))
        for i, x in enumerate(states):
            x = [a + b for a, b in zip(x, through(layer.out.weight, taken[i], layer.out.bias), strict=True)]
            inner = [max(0.0, v) for v in through(layer.inner[0].weight, normed(x, layer.between), layer.inner[0].bias)]
            states[i] = [
                a + b for a, b in zip(x, through(layer.inner[3].weight, inner, layer.inner[3].bias), strict=True)
            ]
    found, calls = made.states(torch.tensor(history), Soft())
    assert found.tolist() == [pytest.approx(normed(x, made.norm), abs=1e-12) for x in states]
    for number, (head, i, weights) in enumerate(maps):
        row = calls[number // (2 * len(history))].weights[head, i]
        assert row.tolist() == pytest.approx([*weights, *[0.0] * (len(history) - i - 1)], abs=1e-12)


def test_the_mean_is_attention_whose_weights_are_all_alike() -> None:
    made = drawn("mean")
    assert isinstance(made, SASRec)
    _, (looked,) = made.states(torch.tensor([4, 1, 0]), Soft())
    assert looked.weights[0].tolist() == [[1, 0, 0], [0.5, 0.5, 0], pytest.approx([1 / 3] * 3)]


def by_hand(softmax: bool = False) -> Recommender:
    """Films know their genre alone, in one number each; a candidate looks at films of its own genre."""
    made = network(Shape("din", len(MADE), 3, 6, hidden=1, softmax=softmax), MADE).eval().requires_grad_(False)
    assert isinstance(made, DIN)
    for one in made.parameters():
        one.zero_()
    made.table.genres.copy_(torch.eye(3))
    made.product.fill_(8.0)
    made.vector.fill_(1.0)
    made.vector_bias.fill_(-4.0)
    made.first.weight[0, 6:] = 1.0  # what was taken, times the candidate
    made.second.weight[0, 0] = 1.0
    return Recommender("by-hand", made, MADE)


def test_a_network_built_by_hand_lights_the_films_of_the_candidate() -> None:
    trace = by_hand().read("Rocket\nKiss\nRoses", target="Robot\nFog")
    assert trace.tokens == ["Robot (1991)", "Fog (1994)"] and trace.key_tokens[0] == "Rocket (1990)"
    robot, fog = trace.weights(0, 0).tolist()
    assert robot == pytest.approx([0.982, 0.018, 0.018], abs=1e-3) and fog == pytest.approx([0.018] * 3, abs=1e-3)
    assert by_hand().ranking((0, 2)).first(2)[0] in (1, 3) and by_hand().ranking((0,)).first(1) == [1]


def test_weights_that_are_not_normalised_say_how_much_speaks_for_a_candidate_and_softmax_does_not() -> None:
    for softmax, more in ((False, 1.9), (True, 1.0)):
        system = by_hand(softmax)
        one, two = system.read("Kiss", target="Rocket"), system.read("Kiss\nRoses\nFog", target="Rocket")
        assert float(one.weights(0, 0).sum()) == pytest.approx(1.0 if softmax else 0.018, abs=1e-3)
        assert float(two.weights(0, 0).sum()) == pytest.approx(1.0 if softmax else 0.054, abs=1e-3)
        of = system.read("Kiss\nRoses", target="Fog")
        assert isinstance(of.rule, Soft if softmax else Gate)
        pair = [n for n, f in enumerate(MADE.films) if "Romance" in f.genres]
        both = system.read(tuple(pair[:1]), target=tuple(pair[1:]))
        assert float(both.weights(0, 0).sum()) <= more
    assert float(by_hand().read("Rocket", rule=Soft(), target="Kiss").weights(0, 0).sum()) == pytest.approx(1.0)


def test_a_look_that_is_forbidden_and_a_film_that_is_hidden_are_0_and_move_the_ranking() -> None:
    system, changes = by_hand(), [ForbidEdge(0, 0)]
    trace = system.read("Rocket\nKiss", target="Robot\nRoses", changes=changes)
    assert trace.weights(0, 0)[0, 0] == 0 and trace.weights(0, 0)[1, 1] > 0.9
    before = system.scores((0, 2))
    after = system.scores((0, 2), changes=changes, candidates=(1, 3))
    assert after[1] < before[1] - 0.5 and after[3] == before[3] and after[4] == before[4]
    hidden = system.scores((0, 2), changes=[HideToken(0)], candidates=(1, 3))
    gone = system.scores((2,))
    assert hidden[1].item() == pytest.approx(gone[1].item(), abs=1e-6)
    assert hidden[0] == -math.inf  # it was seen all the same
    with pytest.raises(AttnvizError):
        system.read("Rocket", target="Robot", changes=[ForbidEdge(0, 1)])


@pytest.mark.parametrize("name", NAMES)
def test_a_history_comes_back_with_titles_and_a_ranking_without_what_was_seen(name: str) -> None:
    system = load(name)
    trace, seen = system.read(HISTORY), system.history(HISTORY)
    assert trace.key_tokens[0] == ALIEN and trace.keys.unit == "item" and len(trace.keys) == 4
    assert trace.rule == system.rule and trace.part == ("cross" if system.asks else "self")
    ranking = system.ranking(seen)
    assert not {*ranking.first(len(system.films))} & {*seen}
    assert all(ranking.place(film) is None for film in seen)
    assert float(ranking.shares.sum()) == pytest.approx(1, abs=1e-4)
    assert [ranking.place(film) for film in ranking.first(3)] == [1, 2, 3]


def test_heads_hidden_films_and_rules_change_what_sasrec_says_and_later_films_change_nothing_before() -> None:
    system = load("sasrec-films")
    plain = system.read(HISTORY)
    assert plain.logits is not None and plain.predictions(3, 1)[0][0] == system.label(
        system.ranking(system.history(HISTORY)).first(1)[0]
    )
    short = system.read(HISTORY.rsplit("\n", 1)[0])
    assert short.logits is not None
    for layer in (0, 1):
        torch.testing.assert_close(plain.weights(layer)[:, :3, :3], short.weights(layer), atol=1e-5, rtol=0)
    for change in (RemoveHeads((0,), layers=(1,)), HideToken(0), ForbidEdge(3, 1)):
        other = system.read(HISTORY, changes=[change])
        assert other.logits is not None and not torch.allclose(other.logits[-1, 9:99], plain.logits[-1, 9:99])
    assert (system.read(HISTORY, rule=TopK(1)).weights(1) > 0).sum() == 2 * 4
    with pytest.raises(AttnvizError) as refusal:
        system.read(HISTORY, target="Up")
    assert refusal.value.message == "films_no_candidates"


def test_a_trace_of_gates_is_saved_and_read_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    trace = load("din-films").read(HISTORY, target="Up (2009)\nMoon (2009)")
    trace.save(tmp_path / "films.safetensors")
    again = load_trace(tmp_path / "films.safetensors")
    assert again.rule == Gate() and torch.equal(again.weights(0), trace.weights(0))
    assert again.tokens == ["Up (2009)", "Moon (2009)"]


def test_a_candidate_lights_its_own_kind_in_the_shipped_network() -> None:
    system = load("din-films")
    mixed = "Blade Runner\nNotting Hill\nToy Story"
    weights = system.read(mixed, target="Cars\nBridget Jones's Diary").weights(0, 0)
    assert weights[0].argmax() == 2 and weights[1].argmax() == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_more_than_popularity(name: str) -> None:
    figures = shipped.figures(name)
    ways = figures["ways"]
    assert figures == shipped.figures(NAMES[0]) and figures["films"] == len(load(name).films) == 10_506
    assert max(ways[one]["hit"] for one in NAMES) >= 1.3 * ways["popular"]["hit"]
    assert max(ways[one]["hit"] for one in NAMES) > ways["pairs"]["hit"]
    assert figures["questions"] == 3_887
