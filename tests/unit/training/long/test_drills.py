"""What lab-long learns from, step by step: drills ask for what stood before, passages return from all distances."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
import torch

from attnviz.training.long import drills, lessons
from attnviz.training.long.drills import Drills
from attnviz.training.long.lessons import Lesson, Plan
from tests.unit.training.long.rows import START, numbered, repeats, within


def drilled(seed: int, size: int = 8_000) -> Drills:
    return Drills(size, START, numbered(), random.Random(seed))


def given(plan: Plan, seed: int = 7) -> list[Lesson]:
    told = ({"number": torch.tensor(n)} for n in itertools.count())
    return list(lessons.lessons(plan, told, drilled(seed)))


@pytest.mark.parametrize("told", [True, False])
def test_first_every_step_has_a_text_and_short_rows_of_random_blocks(told: bool) -> None:
    steps = given(replace(lessons.BLOCKS, steps=8, sentences=told))
    assert [one.sentences and one.sentences["number"].item() for one in steps] == (
        list(range(8)) if told else [None] * 8
    )
    assert {(one.kind, one.texts.ids.shape) for one in steps} == {("first", (1, 512))}
    sizes = [(lessons.DRILLED // length, length) for length in lessons.SHORT]
    assert [one.drill.ids.shape for one in steps] == sizes * 2
    assert all((one.drill.ids[:, 0] == START).all() and (one.texts.ids[:, 0] == START).all() for one in steps)


def test_then_texts_of_many_lengths_and_drills_near_and_far_in_turn() -> None:
    plan = replace(lessons.ON, steps=20, late=0.6)
    steps = given(plan)
    assert [one.kind for one in steps] == ["near", "far"] * 10
    lengths = [*plan.texts * 3, *lessons.LATE, *lessons.LATE[:3]]
    assert [one.texts.ids.shape for one in steps] == [(max(1, lessons.READ // one), one) for one in lengths]
    assert [one.drill.ids.shape for one in steps if one.kind == "far"] == [(1, length) for length in plan.far] * 2
    assert all(one.drill.ids.numel() == lessons.DRILLED for one in steps if one.kind == "near")
    same, other = (torch.equal(steps[2].drill.ids, given(plan, seed)[2].drill.ids) for seed in (7, 8))
    assert same and not other


@pytest.mark.parametrize("name", ["BLOCKS", "PIECES", "HEADS", "TOGETHER", "ON"])
def test_the_rate_rises_stays_and_falls(name: str) -> None:
    plan: Plan = getattr(lessons, name)
    rates = [plan.course.share(step) for step in range(plan.steps)]
    top = rates.index(1.0)
    assert top == plan.warm_up - 1 and all(a < b for a, b in itertools.pairwise(rates[: top + 1]))
    falls = [a > b for a, b in itertools.pairwise(rates[top:])]
    assert any(falls) == (plan.falls < 1) and rates[-1] == pytest.approx(plan.least, abs=0.005)
    if any(falls):
        assert falls.index(True) + top == pytest.approx(plan.falls * plan.steps, abs=1)
        assert all(falls[falls.index(True) :])


def test_blocks_are_random_or_pieces_of_texts_shuffled_and_as_they_are() -> None:
    made = drilled(4, size=900)  # the texts' tokens begin at 1,000
    assert all(max(made.block(50, pieces=False)) < 900 for _ in range(20))
    found = [made.block(50, pieces=True) for _ in range(60)]
    random_ones = [one for one in found if max(one) < 900]
    pieces = [one for one in found if min(one) >= 1_000]
    straight = [one for one in pieces if one == list(range(one[0], one[0] + 50))]
    assert len(random_ones) + len(pieces) == 60 and all(len(part) > 8 for part in (random_ones, pieces, straight))
    assert (
        all(sorted(one) == list(range(min(one), min(one) + 50)) for one in pieces) and len(straight) < len(pieces) - 8
    )


@pytest.mark.parametrize("length", drills.SHORT)
def test_a_drill_asks_only_for_what_stood_before(length: int) -> None:
    found = drilled(3).near(32, length)
    for ids, targets in zip(found.ids.tolist(), found.targets.tolist(), strict=True):
        asked = [place for place, token in enumerate(targets) if token != drills.NO_TARGET]
        assert asked == list(range(asked[0], length - 1)), "from the first token that returns to the end"
        assert all(targets[place] == ids[place + 1] for place in asked)
        block = ids[1 : 1 + ids[asked[0] :].index(ids[asked[0]], 1)] if ids[asked[0]] in ids[asked[0] + 1 :] else None
        assert ids[asked[0]] == ids[1], "the block's first token is given"
        assert block is None or ids[asked[0] : asked[0] + len(block)] == block
        assert min(ids[1:]) >= drills.SPECIAL


def test_a_far_drill_asks_for_blocks_that_return_and_for_no_text() -> None:
    found = drilled(5).far(4_096)
    ids, targets = found.ids[0].tolist(), found.targets[0].tolist()
    asked = [place for place, token in enumerate(targets) if token != drills.NO_TARGET]
    assert len(asked) > 500 and all(targets[place] == ids[place + 1] for place in asked)
    pairs = {pair: place for place, pair in reversed(list(enumerate(itertools.pairwise(ids))))}
    away = [place - pairs[ids[place], ids[place + 1]] for place in asked]
    assert min(away) > 0 and max(away) > 2_048, "each stood before; some far away"


@pytest.mark.parametrize("seed", range(12))
def test_a_far_drill_asks_for_something_however_short(seed: int) -> None:
    found = drilled(seed).far(160)
    assert (found.targets != drills.NO_TARGET).any()


def test_passages_return_far_as_often_as_near_and_are_known_for_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drills, "COPIED", 1)
    found = drilled(2).running(6, 4_096)
    away = []
    for ids, copied in zip(found.ids.tolist(), found.copied.tolist(), strict=True):
        runs = [(begin, run) for begin, run in repeats(ids) if within(run, ids[:begin])]
        away += [begin - ids.index(run[0]) for begin, run in runs]
        told = {place for begin, run in runs for place in range(begin + 1, begin + len(run))}
        assert told == {place for place, one in enumerate(copied) if one}, "all but the first token of a passage"
        assert all(ids[place] in ids[:place] for place, one in enumerate(copied) if one)
    assert len(away) > 30 and min(away) < 500 and max(away) > 2_000


@pytest.mark.parametrize("most", [1, 2, 1_000])
def test_a_loguniform_number_is_within_and_halves_its_doublings(most: int) -> None:
    rng = random.Random(1)
    found = [drills.loguniform(most, rng) for _ in range(4_000)]
    assert min(found) == 1 and max(found) <= most
    if most == 1_000:
        assert abs(sum(one < 32 for one in found) / 4_000 - 0.5) < 0.03
