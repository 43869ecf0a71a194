"""What lab-long learns from, step by step: drills ask for what stood before, passages return from all distances."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
import torch

from attnviz.training.long import data as long
from attnviz.training.long import drills
from attnviz.training.long.data import Stage
from attnviz.training.long.drills import Drills
from tests.unit.training.long.rows import START, numbered, repeats, within


def drilled(seed: int, size: int = 8_000) -> Drills:
    return Drills(size, START, numbered(), random.Random(seed))


def test_every_step_has_sentences_and_what_has_its_turn_beside_them() -> None:
    def told(seed: int) -> list[dict[str, Any]]:
        sentences = ({"number": torch.tensor(n)} for n in itertools.count())
        return list(
            Stage(32, 40, (("texts",), ("drill",), ("texts",), ("far",)), times=2).lessons(sentences, drilled(seed))
        )

    steps = told(7)
    assert [[one["number"].item() for one in step["sentences"]] for step in steps] == [
        [2 * n, 2 * n + 1] for n in range(32)
    ]
    assert [list(step)[1] for step in steps] == ["texts", "drill", "texts", "far"] * 8
    texts = [step["texts"].ids.shape for step in steps if "texts" in step]
    assert texts == [(max(1, 4_096 // length), length) for length in long.TOLD] * 2
    assert [step["far"].ids.shape for step in steps if "far" in step] == [(1, length) for length in long.FAR]
    assert all(step["drill"].ids.numel() == 2_048 for step in steps if "drill" in step)
    rows = [step[name] for step in steps for name in ("texts", "drill", "far") if name in step]
    assert all((row.ids[:, 0] == START).all() and row.ids.shape == row.targets.shape for row in rows)
    same, other = (torch.equal(steps[1]["drill"].ids, told(seed)[1]["drill"].ids) for seed in (7, 8))
    assert same and not other


def test_a_turn_may_have_several_parts_in_rows_of_lengths_of_its_own() -> None:
    stage = Stage(5, 5, (("texts",), ("texts", "drill"), ("far", "texts")), running=512, told=(128, 512), near=(64,))
    steps = list(stage.lessons(itertools.repeat({}), drilled(1)))
    assert [list(step)[1:] for step in steps] == [list(turn) for turn in (*stage.turns, *stage.turns[:2])]
    assert [step["texts"].ids.shape for step in steps] == [(4, 128), (1, 512), (4, 128), (1, 512), (4, 128)]
    assert [step["drill"].ids.shape for step in steps if "drill" in step] == [(32, 64)] * 2


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


def test_passages_return_far_as_often_as_near_and_every_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drills, "COPIED", 1)
    found = drilled(2).running(6, 4_096)
    assert torch.equal(found.targets[:, :-1], found.ids[:, 1:]) and (found.targets[:, -1] == drills.NO_TARGET).all()
    away = []
    for ids in found.ids.tolist():
        away += [begin - ids.index(run[0]) for begin, run in repeats(ids) if within(run, ids[:begin])]
    assert len(away) > 30 and min(away) < 500 and max(away) > 2_000


@pytest.mark.parametrize("most", [1, 2, 1_000])
def test_a_loguniform_number_is_within_and_halves_its_doublings(most: int) -> None:
    rng = random.Random(1)
    found = [drills.loguniform(most, rng) for _ in range(4_000)]
    assert min(found) == 1 and max(found) <= most
    if most == 1_000:
        assert abs(sum(one < 32 for one in found) / 4_000 - 0.5) < 0.03
