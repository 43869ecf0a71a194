"""Target attention without its trained weights: who stands in a batch, what is held out, what the losses ask for."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
import torch

from attnviz import load
from attnviz.core.rules import Soft
from attnviz.core.similarity import Additive, Cosine, Dot, General
from attnviz.systems.target.system import SIMILARITIES, Look, states_of
from attnviz.training.target.data import (
    Corpus,
    Known,
    Pair,
    Recipe,
    assemble,
    cut,
    grouped,
    piece,
    read_pairs,
    split,
    weights_of,
)
from attnviz.training.target.train import loss, rate_at

PAIRS = [("Hi.", "嗨。"), ("Hi.", "你好。"), ("Hello.", "你好。"), ("Run.", "跑。"), ("I eat.", "我吃饭。")] * 3
SENTENCES = [("The dog sleeps.", "狗在睡觉。"), ("I like tea.", "我喜欢茶。"), ("She reads.", "她在看书。")] * 2


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    model, rng = load("lab-4"), random.Random(0)
    pairs = [cut(en, zh, model) for en, zh in SENTENCES]
    return Corpus.of(pairs, model, Recipe(), [[0, 1, 2], [3, 4, 5]], rng)


def small(name: str) -> Look:
    torch.manual_seed(0)
    return Look(name, width=320, inner=16, wide=8, words=5)


def test_lines_are_read_as_english_and_chinese(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("Hi.\t嗨。\tCC-BY 2.0 (France)\nRun.\t跑。\tCC-BY\n\n", encoding="utf-8")
    assert read_pairs(tmp_path / "pairs.txt") == [("Hi.", "嗨。"), ("Run.", "跑。")]


@pytest.mark.parametrize("seed", range(5))
def test_no_held_out_sentence_is_also_trained_on(seed: int) -> None:
    training, held = split(PAIRS, 4, seed)
    assert sorted(training + held) == list(range(len(PAIRS))) and len(held) >= 4
    for side in (0, 1):
        assert not {PAIRS[n][side] for n in training} & {PAIRS[n][side] for n in held}
    assert split(PAIRS, 4, seed) == (training, held), "the same each time"


def test_groups_take_everyone_once() -> None:
    groups = grouped(50, random.Random(1))
    members = [number for group in groups for number in group]
    assert len(set(members)) == len(members) and len(members) > 44 and {len(group) for group in groups} <= {3, 4, 5}


def test_a_piece_is_one_to_three_neighbours() -> None:
    rng = random.Random(3)
    pieces = [piece((1, 2, 3, 4, 5), rng) for _ in range(200)]
    assert {len(one) for one in pieces} == {1, 2, 3} and all(one[-1] - one[0] == len(one) - 1 for one in pieces)


def test_a_batch_says_of_each_query_where_its_sentence_stands(corpus: Corpus) -> None:
    batch = assemble(corpus, [1, 0], "en", "zh", pieces=False)
    order = [3, 4, 5, 0, 1, 2]
    lengths = [corpus.lengths["en"][pair] + 1 for pair in order]
    assert batch.wanted.tolist() == [place for place, length in enumerate(lengths) for _ in range(length)]
    assert batch.means.nonzero().flatten().tolist() == [end - 1 for end in torch.tensor(lengths).cumsum(0).tolist()]
    keys = [place for place, pair in enumerate(order) for _ in range(corpus.lengths["zh"][pair])]
    assert batch.place.tolist() == keys
    own = corpus.alone["en"][3]
    assert (
        torch.equal(batch.target[: lengths[0] - 1], own[0]) and batch.ids[: lengths[0] - 1].tolist() == own[1].tolist()
    )
    torch.testing.assert_close(batch.target[lengths[0] - 1], own[0].mean(0))


def test_states_are_those_of_the_reader_normed_and_without_its_marks() -> None:
    model = load("lab-4")
    ids = torch.tensor([model.tokenizer("狗在睡觉")["input_ids"]])
    with torch.no_grad():
        hidden = model.network(input_ids=ids, output_hidden_states=True).hidden_states
    found = states_of(model, ids[:, 1:-1], (0, 2))
    for number, layer in enumerate((0, 2)):
        raw = hidden[layer][0, 1:-1].double()
        wanted = (raw - raw.mean(-1, keepdim=True)) / (raw.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        torch.testing.assert_close(
            found[0, :, number * 160 : number * 160 + 160].double(), wanted, atol=1e-5, rtol=1e-4
        )


def test_rare_tokens_are_asked_for_more_surely() -> None:
    asked = weights_of([Pair((1,) * 50, (3,)), Pair((1, 2), (3,))])
    assert 0 < asked[1] < asked[3] < asked[2] and asked[0] == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [("dot", Dot), ("scaled", Dot), ("general", General), ("additive", Additive), ("cosine", Cosine)],
)
def test_each_name_is_its_similarity_and_its_scale(name: str, kind: type) -> None:
    look = small(name).eval()
    found = look(torch.randn(1, 2, 320), torch.randn(1, 3, 320), rule=Soft())
    assert isinstance(found.similarity, kind)
    scale = {"scaled": 8**-0.5, "cosine": 10.0}.get(name, 1.0)
    assert float(found.scale) == pytest.approx(scale, rel=1e-6)


def test_learned_and_used_sharpness_give_the_same_scores() -> None:
    look, states = small("cosine"), (torch.randn(1, 2, 320), torch.randn(1, 3, 320))
    learned = look.train()(*states, rule=Soft()).scores
    torch.testing.assert_close(look.eval()(*states, rule=Soft()).scores, learned)


def test_an_unknown_similarity_is_refused() -> None:
    with pytest.raises(ValueError, match="euclid"):
        Look("euclid", width=2, inner=2, wide=2, words=2)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_every_parameter_learns(name: str, corpus: Corpus) -> None:
    pairs = [Pair(tuple(corpus.alone["en"][n][1].tolist()), tuple(corpus.alone["zh"][n][1].tolist())) for n in range(6)]
    known = Known.of(pairs)
    look = Look(name, width=320, inner=16, wide=8, words=len(known.all))
    batch = assemble(corpus, [0, 1], "en", "zh")
    parts = list(loss(look, batch, known.languages["en"], known, weights_of(pairs), Recipe(told_a_step=20)).values())
    assert parts[1].item() > 0.2 and parts[0].item() > 0.2
    (parts[0] + parts[1]).backward()
    still = [key for key, value in look.named_parameters() if value.grad is None or not bool(value.grad.any())]
    assert [key for key in still if key != "key.2.bias"] == [], "a bias added to all keys alike may cancel"


def test_the_place_loss_is_the_surprise_at_the_right_sentence(corpus: Corpus) -> None:
    pairs = [Pair(tuple(corpus.alone["en"][n][1].tolist()), tuple(corpus.alone["zh"][n][1].tolist())) for n in range(6)]
    known = Known.of(pairs)
    look = Look("dot", width=320, inner=16, wide=8, words=len(known.all))
    for net in (look.query, look.key):
        for parameter in net.parameters():
            torch.nn.init.zeros_(parameter)  # even weights
    batch = assemble(corpus, [0], "en", "zh")
    torch.manual_seed(1)
    place = loss(look, batch, known.languages["en"], known, weights_of(pairs), Recipe(told_a_step=8))["place"]
    torch.manual_seed(1)
    rows = torch.multinomial(weights_of(pairs)[batch.ids], 8)
    sizes = [corpus.lengths["zh"][n] for n in range(3)]
    wanted = [-math.log(sizes[place] / sum(sizes)) for place in batch.wanted[rows].tolist()]
    assert place.item() == pytest.approx(sum(wanted) / 8, rel=1e-5)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    recipe = Recipe(steps=100, warm_up=10)
    rates = [rate_at(step, recipe) for step in range(100)]
    assert max(rates) == pytest.approx(1) and rates.index(max(rates)) in (9, 10) and 0 < rates[-1] < 0.02
