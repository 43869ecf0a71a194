"""What teaches `lab-readings` and what it is asked for, compared with plain loops."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz.measures.held import fit, spelled_by_each, spells
from attnviz.text.lattice import Dictionary, cut, stretches
from attnviz.text.segmentation import cases
from attnviz.training.packing import closed, stack
from attnviz.training.readings import loss
from attnviz.training.readings.data import (
    HELD_OUT_FIVE_IN,
    Joins,
    around,
    build_tokenizer,
    forbidden,
    is_held_out,
    is_of_page,
    joins,
    opened,
    taught,
)  # fmt: skip
from attnviz.training.readings.made import allowed, chained, grafted, respelled
from attnviz.training.readings.measure import by_chance

WORDS = {"now": 9, "here": 9, "nowhere": 9, "it": 9, "old": 9, "i": 9, "told": 9, "him": 9}
ZH = ("火车驶过南京，到了市长的家。", "他研究生物，也研究生命。", "长江上有大桥。", "和尚未来，来信已到。")
EN = ("It told him.", "Now here I told him old news.")


@pytest.fixture(scope="module")
def words() -> Dictionary:
    return Dictionary.of(WORDS)


def weights(rows: int = 2, heads: int = 4, size: int = 9) -> torch.Tensor:
    return torch.softmax(torch.randn(rows, heads, size, size, generator=torch.Generator().manual_seed(1)), -1)


def test_a_cost_is_the_cross_entropy_against_the_neighbours_in_the_word() -> None:
    given, flags = weights(), torch.tensor([[0, 1, 0, 1, 1, 0, 0, 1, 1], [0, 0, 0, 1, 0, 1, 1, 1, 0]]).bool()
    found = loss.costs(loss.near(given), flags)
    for row, head, query in itertools.product(range(2), range(4), range(9)):
        word = {query}
        while flags[row, min(word)] and min(word) > 0:
            word.add(min(word) - 1)
        while max(word) + 1 < 9 and flags[row, max(word) + 1]:
            word.add(max(word) + 1)
        asked = [k for k in (query - 1, query + 1) if k in word] or [query]
        expected = -sum(math.log(given[row, head, query, k]) for k in asked) / len(asked)
        assert found[row, head, query].item() == pytest.approx(expected, abs=1e-5)


def test_two_heads_are_the_soft_minimum_over_pairs_of_different_heads() -> None:
    first, second = torch.rand(3, 4) * 5, torch.rand(3, 4) * 5
    found = loss.two_heads(first, second, torch.tensor(1.5))
    for s in range(3):
        pairs = [first[s, h] + second[s, k] for h in range(4) for k in range(4) if h != k]
        expected = -1.5 * math.log(sum(math.exp(-p / 1.5) for p in pairs) / 12)
        assert found[s].item() == pytest.approx(expected, abs=1e-5)


def test_one_head_cannot_take_both_readings() -> None:
    first, second = torch.tensor([[0.0, 9.0, 9.0]]), torch.tensor([[0.0, 9.0, 9.0]])
    assert loss.two_heads(first, second, torch.tensor(0.01)).item() == pytest.approx(9, abs=0.1)


def batch(choice: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    one = torch.tensor([[0, 1, 0, 1, 1, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0, 1, 0, 0]]).bool()
    other = torch.tensor([[0, 0, 1, 1, 1, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0, 0, 1, 0]]).bool()
    stretch = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 2, 2, 2, 0]])
    asked = torch.ones(2, 9, dtype=torch.bool)
    asked[:, -1] = False
    return weights(), {
        "joined": one, "joined_too": other, "stretch": stretch, "asked": asked, "temperature": torch.tensor(2.0),
    }  # fmt: skip


@pytest.mark.parametrize("choice", ["two", "batch", "roles", "mean"])
def test_the_loss_of_a_step_is_that_of_plain_loops(choice: str) -> None:
    given, asked_for = batch(choice)
    logs = loss.near(given)
    costs = [loss.costs(logs, asked_for[name]) for name in ("joined", "joined_too")]
    where = {1: [(0, 0), (0, 1), (0, 2)], 2: [(1, 5), (1, 6), (1, 7)]}
    sums = {s: [[sum(c[r, h, q].item() for r, q in at) for h in range(4)] for c in costs] for s, at in where.items()}
    outside = [
        costs[0][r, :, q].mean().item()
        for r, q in itertools.product(range(2), range(9))
        if asked_for["asked"][r, q] and not asked_for["stretch"][r, q]
    ]
    total = 2 * loss.OUTSIDE * sum(outside) / len(outside)  # of two stretches

    def softest(values: list[float], heat: float) -> float:
        return -heat * math.log(sum(math.exp(-v / heat) for v in values) / len(values))

    def pair(one: list[float], other: list[float], heat: float, each: float) -> float:
        pairs = [one[h] + other[k] for h in range(4) for k in range(4) if h != k]
        alone = sum(softest([one[h], other[h]], heat) for h in range(4)) / 4
        return softest(pairs, heat) + each * alone

    if choice == "two":
        total += sum(pair(*sums[s], 2.0, loss.EVERY_HEAD) / 2.0 for s in sums)
    elif choice == "batch":
        means = [[sum(sums[s][side][h] for s in sums) / 2 for h in range(4)] for side in (0, 1)]
        total += 2 * pair(*means, loss.BATCH_HEAT, 1.0)
    elif choice == "roles":
        total += sum(sum(one[:2]) / 2 + sum(other[2:]) / 2 for one, other in sums.values())
    else:
        total += sum(sum(one) / 4 + sum(other) / 4 for one, other in sums.values())
    assert loss.reading_loss(given, asked_for, choice).item() == pytest.approx(total / 2, abs=1e-4)


def test_nothing_is_asked_near_a_blank_nor_of_a_stretch_that_touches_one() -> None:
    stretch = np.array([[0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0]])
    found = Joins(stretch > 9, stretch > 9, stretch, np.ones((1, 12), dtype=bool))
    assert around(found, np.array([7])).asked[0].tolist() == [True] * 4 + [False] * 6 + [True] * 2
    assert around(found, np.array([9])).asked[0].tolist() == [True] * 7 + [False] * 5


def test_labels_travel_through_the_packing_and_come_out_as_both_readings(words: Dictionary) -> None:
    text = "南京市长江大桥在这里。"
    tokenizer = build_tokenizer([text, text], ["now here", "now here"])
    (one,) = taught([text], "zh", tokenizer, words)
    rows = stack([[closed(one, 2, 3), closed(one, 2, 3)]], 32, 0)
    _, told, found = opened(rows)
    size, known = len(text), cut(text, words)
    for number, at in enumerate((1, size + 3), start=1):
        assert found.joined[0, at : at + size].tolist() == joins(known, 0).tolist()
        assert found.joined_too[0, at : at + size].tolist() == joins(known, 1).tolist()
        assert found.stretch[0, at : at + 8].tolist() == [number] * 7 + [0]
    assert told.marks[0, 1:8].tolist() == [1, 0, 0, 1, 0, 0, 0] and not found.asked[0, 0]


def test_the_tokenizer_drops_spaces_and_keeps_places() -> None:
    tokenizer = build_tokenizer(ZH * 2, EN * 2)
    bare_ids, typed = tokenizer("nowhere"), tokenizer("Now here", return_offsets_mapping=True)
    assert bare_ids["input_ids"] == typed["input_ids"]
    assert typed["offset_mapping"][1:-1] == [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (7, 8)]


def test_no_made_up_text_holds_a_sentence_of_the_page(words: Dictionary) -> None:
    rng, characters = random.Random(0), frozenset("".join(ZH))
    made = [
        *itertools.islice(allowed(grafted(ZH, words, rng)), 50),
        *itertools.islice(allowed(chained(words, characters, rng)), 50),
        *itertools.islice(allowed(respelled(EN, words, rng)), 50),
    ]
    assert not any(is_of_page(text) for text in made) and any(stretches(text, words) for text in made)
    page = [one.readings[0].text for one in cases().values()]
    assert "南京市长江大桥" in forbidden() and len(page) >= 13
    assert list(allowed(iter([*page, "在" + page[0] + "上", "好"]))) == ["好"]


def test_what_the_other_lab_models_hold_out_is_held_out() -> None:
    from attnviz.training.corpus import is_held_out as by_lab

    texts = [f"句子{number}" for number in range(2_000)]
    assert all(is_held_out(text) for text in texts if by_lab(text))
    assert 0.04 < sum(map(is_held_out, texts)) / 2_000 < 0.09 and HELD_OUT_FIVE_IN == 80


def row(*pairs: tuple[int, int], size: int = 9) -> torch.Tensor:
    """One head that rests on itself, but gives all its weight to a neighbour where told: (query, key)."""
    made = torch.eye(size)
    for query, key in pairs:
        made[query] = torch.nn.functional.one_hot(torch.tensor(key), size).float()
    return made


def test_a_head_that_points_at_its_word_spells_it_and_fits_that_reading() -> None:
    trace = av.record(av.load("lab-4"), "南京市长江大桥")
    first = row((1, 2), (2, 1), (3, 2), (4, 5), (5, 4), (6, 7), (7, 6))  # after [CLS]: 南京市 / 长江 / 大桥
    second = row((1, 2), (2, 1), (3, 4), (4, 3), (6, 7), (7, 6))
    both = torch.stack([first, second])
    heads = spelled_by_each(trace, both)
    assert [head.words for head in heads] == [["南京市", "长江", "大桥"], ["南京", "市长", "江", "大桥"]]
    (stretch,) = stretches("南京市长江大桥", Dictionary.of(WORDS))
    assert [spells(head, stretch, side) for head in heads for side in (0, 1)] == [False, False, False, True]
    better = fit(trace, stretch, both)
    assert better[0] > 2 and better[1] < -2
    loops = [
        sum(-math.log(max(both[1, q, keys].mean().item(), 1e-9)) if len(keys) == 1 else
            -sum(math.log(max(both[1, q, k].item(), 1e-9)) for k in keys) / len(keys) for q, keys in asked.items())
        for asked in (
            {1: [2], 2: [1, 3], 3: [2], 4: [5], 5: [4, 6], 6: [5, 7], 7: [6]},
            {1: [2], 2: [1], 3: [4], 4: [3], 5: [5], 6: [7], 7: [6]},
        )
    ]  # fmt: skip
    assert better[1].item() == pytest.approx(loops[1] - loops[0], abs=1e-4)


def test_independent_heads_take_both_readings_as_often_as_a_count_says() -> None:
    rates = [(0.5, 0.3), (0.2, 0.6), (0.1, 0.1)]
    total = 0.0
    for takes in itertools.product((0, 1, None), repeat=3):
        chance = math.prod({0: a, 1: b, None: 1 - a - b}[take] for take, (a, b) in zip(takes, rates, strict=True))
        total += chance if {0, 1} <= set(takes) else 0
    assert by_chance(rates) == pytest.approx(total)
