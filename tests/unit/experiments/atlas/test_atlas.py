"""The atlas of heads: its sums are those of each run, they add up, names keep to their thresholds, removal is real."""

from __future__ import annotations

import csv
import io
import math
import weakref

import pytest
import torch

import attnviz as av
from attnviz.core.attention import Observed
from attnviz.core.interventions import RemoveHeads
from attnviz.errors import ArgumentError, Stopped, TextError
from attnviz.experiments.atlas import MEASURES, NAMES, sums
from attnviz.experiments.atlas.effects import TOGETHER, Bench, Run
from attnviz.measures import ranked
from tests.unit.figures.kinds import of

TEXTS = ["南京市长江大桥", "the cat sat on the mat, the cat sat", "他说他会来，但是他没有来。"]


def test_of_one_text_every_number_is_the_one_that_heads_are_ranked_by() -> None:
    model = av.load("lab-4")
    found, trace = av.atlas(model, TEXTS[1:2]), av.record(model, TEXTS[1])
    for measure in MEASURES:
        expected = {head.place: head.value for head in ranked(trace, measure)}
        means = found[measure]
        assert {place for place in found.places if means[place].isfinite()} == set(expected), measure
        for place, value in expected.items():
            assert float(means[place]) == pytest.approx(value, abs=1e-4), (measure, place)
    assert found.tokens == sum(not one for one in trace.special) and found.texts == 1


def test_every_token_counts_alike_and_two_atlases_add_up() -> None:
    model = av.load("lab-4")
    whole, one, two = (av.atlas(model, texts) for texts in (TEXTS, TEXTS[:1], TEXTS[1:]))
    both = one + two
    assert (both.texts, both.tokens) == (whole.texts, whole.tokens) == (3, one.tokens + two.tokens)
    for measure in MEASURES:
        assert torch.allclose(both.all[measure].total, whole.all[measure].total, atol=1e-3)
        assert torch.equal(both.all[measure].count, whole.all[measure].count)
    runs = [av.record(model, text) for text in TEXTS]
    tokens = [sum(not one for one in run.special) for run in runs]
    values = [next(head.value for head in ranked(run, "entropy") if head.place == (2, 1)) for run in runs]
    mean = sum(count * value for count, value in zip(tokens, values, strict=True)) / sum(tokens)
    assert float(whole["entropy"][2, 1]) == pytest.approx(mean, abs=1e-4)


def looking(places: list[list[int]], size: int, tokens: list[str]) -> sums.Atlas:
    """The atlas of one run whose heads give each token's weight to one place."""
    weights = torch.zeros(len(places), size, size)
    for head, targets in enumerate(places):
        weights[head, torch.arange(size), torch.tensor(targets)] = 1.0
    return sums.of_trace(of(tuple(tokens), [Observed.of(weights)]))


def test_heads_built_by_hand_get_the_names_of_what_they_do_and_others_none() -> None:
    words = ["a", "b", "c", "d", "e"] * 6
    size = len(words)
    rows = range(size)
    found = looking(
        [
            [max(0, row - 1) for row in rows], [min(size - 1, row + 1) for row in rows], list(rows), [0] * size,
            [max(row - 4, 0) if row >= 5 else 0 for row in rows],
            [(7 * row + 3) % size for row in rows],
        ],
        size, words,
    )  # fmt: skip
    names = [found.name(0, head) for head in range(6)]
    told = [None if one is None else one.name for one in names]
    assert told == ["previous", "next", "itself", "first", "induction", None]
    assert all(one.share == pytest.approx(1.0) for one in names[:5] if one)


def test_a_name_needs_twenty_tokens_behind_it_and_the_share_that_is_asked_for() -> None:
    few = looking([[0, 0, 1, 2, 3, 4]], 6, list("abcdef"))
    assert few.name(0, 0) is None and float(few["previous"][0, 0]) == 1.0
    many = looking([[max(0, row - 1) for row in range(24)]], 24, [str(row) for row in range(24)])
    assert many.name(0, 0) is not None and many.name(0, 0, least=1.01) is None


def test_a_line_that_cannot_be_read_costs_a_line_and_none_at_all_is_a_sentence() -> None:
    model = av.load("lab-4")
    assert [av.atlas(model, texts).left_out for texts in (["", TEXTS[0]], [TEXTS[0], "\u200b", ""])] == [1, 2]
    for read in (av.atlas, av.head_effects):
        with pytest.raises(TextError):
            read(model, ["", " "])
        with pytest.raises(TextError):
            read(model, [])


def test_it_says_how_far_it_is_and_stops() -> None:
    model, done = av.load("lab-4"), []
    av.atlas(model, [TEXTS[0]] * 70, on_text=done.append)
    assert done == [32, 64, 70]
    for read in (av.atlas, av.head_effects):
        with pytest.raises(Stopped):
            read(model, TEXTS, stop=lambda: True)


def test_a_name_looks_at_what_is_left_without_the_sink() -> None:
    size = 24
    weights = torch.zeros(1, size, size)
    weights[0, :, 0] = 0.7
    weights[0, torch.arange(size), (torch.arange(size) - 1).clamp_min(0)] += 0.3
    found = sums.of_trace(of(tuple(map(str, range(size))), [Observed.of(weights)]))
    assert float(found["previous"][0, 0]) < 0.35
    name = found.name(0, 0)
    assert name is not None and (name.name, round(name.share, 6)) == ("previous", 1.0)


@pytest.mark.parametrize("name", ["lab-1", "lab-2", "lab-4", "lab-8"])
def test_directions_are_turned_so_that_measures_go_up_on_the_whole(name: str) -> None:
    found = av.atlas(av.load(name), TEXTS)
    spread = found.spread()
    table = torch.stack([found[one][tuple(torch.tensor(found.places).T)] for one in spread.measures], 1)
    table = (table - table.mean(0)) / table.std(0, correction=0)
    assert (spread.pulls.sum(0) >= 0).all() and torch.allclose(table @ spread.pulls, spread.points, atol=1e-6)


def test_principal_components_are_orthogonal_hold_what_they_say_and_need_heads_that_differ() -> None:
    found = av.atlas(av.load("lab-4"), TEXTS)
    spread = found.spread()
    assert spread.points.shape == (16, 2) and len(spread.measures) == len(spread.pulls)
    assert float(spread.points[:, 0] @ spread.points[:, 1]) == pytest.approx(0.0, abs=1e-6)
    table = torch.stack([found[one][tuple(torch.tensor(found.places).T)] for one in spread.measures], 1)
    table = (table - table.mean(0)) / table.std(0, correction=0)
    assert torch.allclose(table @ spread.pulls, spread.points, atol=1e-6)
    part = (spread.points**2).sum(0) / (table**2).sum()
    assert part.tolist() == pytest.approx(list(spread.explained))
    with pytest.raises(ArgumentError, match="2 heads"):
        looking([[0, 0], [1, 1]], 2, ["a", "b"]).spread()


def test_another_measure_is_refused_with_those_there_are() -> None:
    with pytest.raises(ArgumentError, match="previous"):
        av.atlas(av.load("lab-4"), TEXTS[:1])["favourite"]


def bits(model: av.Model, text: str, blank: int | None, *changes: RemoveHeads) -> float:
    """How improbable the truth is, in bits a token."""
    truth = torch.tensor(av.record(model, text).encoded.ids)
    shares = av.record(model, text, blank=blank, interventions=changes).logits.double().log_softmax(-1)
    told = shares[:-1].gather(1, truth[1:, None]) if blank is None else shares[blank, truth[blank]]
    return float(-told.mean()) / math.log(2)


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_what_is_lost_without_a_head_is_what_a_run_without_it_says(name: str) -> None:
    model = av.load(name)
    effects = av.head_effects(model, TEXTS[:2])
    tokens = [sum(not one for one in av.record(model, text).special) for text in TEXTS[:2]]
    gone = RemoveHeads((1,), layers=(2,))
    lost = []
    for text, count in zip(TEXTS[:2], tokens, strict=True):
        step = count // 4
        blanks = [None] if name == "lab-gpt" else [1 + at for at in range(step // 2, count, step)][:4]
        lost += [bits(model, text, blank, gone) - bits(model, text, blank) for blank in blanks]
    values = torch.tensor(lost, dtype=torch.float64)
    assert effects.unit == "loss" and effects.runs == len(lost)
    assert float(effects.mean[2, 1]) == pytest.approx(float(values.mean()), abs=1e-4)
    assert float(effects.error[2, 1]) == pytest.approx(float(values.std()) / math.sqrt(len(lost)), abs=1e-4)


def test_of_runs_with_all_heads_losses_are_kept_and_not_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, seen, alive = Bench._kept, list[weakref.ref[av.Trace]](), list[int]()

    def watching(bench: Bench, run: Run, trace: av.Trace) -> object:
        seen.append(weakref.ref(trace))
        alive.append(sum(one() is not None for one in seen))
        return kept(bench, run, trace)

    monkeypatch.setattr(Bench, "_kept", watching)
    assert len(Bench(av.load("lab-1"), TEXTS * 6, None, None).runs) == len(seen) > 4 * TOGETHER
    assert max(alive) <= 2 * TOGETHER


def test_the_file_holds_every_number_of_every_head() -> None:
    model = av.load("lab-4")
    found, effects = av.atlas(model, TEXTS), av.head_effects(model, TEXTS[:1])
    lines = list(csv.DictReader(io.StringIO(found.csv(effects))))
    assert [(int(line["layer"]), int(line["head"])) for line in lines] == found.places
    for line, place in zip(lines, found.places, strict=True):
        for measure in MEASURES:
            assert float(line[measure]) == pytest.approx(float(found[measure][place]), rel=1e-4, nan_ok=True)
        assert float(line["effect"]) == pytest.approx(float(effects.mean[place]), rel=1e-4)
    assert set(NAMES) <= set(lines[0]) and "effect" not in found.csv()
