"""Found boxes beside true ones: who found what, what was missed, found twice, or is nothing."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from attnviz.answers import NO_OBJECT, Answer
from attnviz.axes import Box, Patches, Slots
from attnviz.core.attention import attend
from attnviz.core.rules import Soft
from attnviz.errors import ModelError
from attnviz.measures import assigned, covered, found, inside, matched, overlap
from attnviz.trace import Trace

HERE, BESIDE, FAR = Box(0, 0, 10, 10), Box(3, 0, 13, 10), Box(40, 40, 50, 50)


def trace_of(scores: list[list[float]], labels: tuple[str, ...], problem: str = "several") -> Trace:
    slots = Slots(len(scores), "query", tuple((float(n), 0.0, n + 2.0, 2.0) for n in range(len(scores))))
    said = Answer("token", torch.tensor(scores), labels, slots, problem)  # type: ignore[arg-type]
    return Trace(slots, slots, (), answer=said)


def test_things_come_surest_first_and_unsure_ones_not_at_all() -> None:
    trace = trace_of([[0.5, -9.0], [-9.0, -9.0], [-9.0, 4.0]], ("cat", "dog"))
    things = found(trace, 0.6)
    assert [(one.slot, one.label) for one in things] == [(2, "dog"), (0, "cat")]
    assert things[1].confidence == pytest.approx(1 / (1 + np.exp(-0.5))) and things[1].box == Box(0, 0, 2, 2)


def test_what_is_no_object_is_found_by_nobody_and_takes_its_share() -> None:
    trace = trace_of([[1.0, 2.0, 3.0]], ("cat", "dog", NO_OBJECT), "one")
    (one,) = found(trace, 0.0)
    assert one.label == "dog" and one.confidence == pytest.approx(np.exp(2) / sum(np.exp([1, 2, 3])), abs=1e-6)
    assert found(trace, 0.5) == ()


def test_a_run_without_boxes_says_so() -> None:
    with pytest.raises(ModelError):
        found(Trace(Slots(1), Slots(1), ()))


def test_overlap_of_a_box_with_itself_is_whole_and_with_one_apart_is_none() -> None:
    assert overlap(HERE, HERE) == 1 and overlap(HERE, FAR) == 0
    assert overlap(HERE, BESIDE) == pytest.approx(70 / 130)
    assert overlap(Box(1, 1, 1, 5), Box(1, 1, 1, 5)) == 0  # a line has no area


def test_the_surest_has_found_a_thing_and_a_later_one_has_found_it_twice() -> None:
    true = [(HERE, "cat"), (FAR, "cat"), (HERE, "dog")]
    said = [(BESIDE, "cat"), (HERE, "cat"), (Box(4, 0, 14, 10), "cat"), (HERE, "dog")]
    result = matched(said, true)
    assert result.pairs == ((0, 0), (3, 2)) and result.twice == ((1, 0),)
    assert result.nothing == (2,) and result.missed == (1,)


def test_nothing_true_and_nothing_found_are_matched_too() -> None:
    assert matched([], [(HERE, "cat")]).missed == (0,) and matched([(HERE, "cat")], []).nothing == (0,)


def test_matched_all_at_once_a_thing_is_found_that_the_surest_first_would_miss() -> None:
    """By hand: the surest lies 1 beside the left cat (90 / 110) and 3 beside the right one (70 / 130); the other is the
    left cat (1). Surest first the left cat is found twice and the right one missed; all at once both are found.
    """
    true, said = [(HERE, "cat"), (Box(4, 0, 14, 10), "cat")], [(Box(1, 0, 11, 10), "cat"), (HERE, "cat")]
    greedy, best = matched(said, true), assigned(said, true)
    assert (greedy.pairs, greedy.twice, greedy.missed) == (((0, 0),), ((1, 0),), (1,))
    assert (best.pairs, best.twice, best.missed, best.nothing) == (((0, 1), (1, 0)), (), (), ())


def test_of_two_on_one_thing_the_nearer_has_found_it_and_labels_never_mix() -> None:
    true, said = [(HERE, "cat"), (FAR, "dog")], [(BESIDE, "cat"), (HERE, "cat"), (HERE, "dog"), (FAR, "cat")]
    result = assigned(said, true)
    assert result.pairs == ((1, 0),) and result.twice == ((0, 0),)
    assert result.nothing == (2, 3) and result.missed == (1,)


def test_more_are_found_before_they_are_found_more_exactly() -> None:
    """Two pairs of overlap 1 are worth less than three of 70 / 130."""
    row = [(Box(left, 0, left + 10, 10), "cat") for left in (0, 3, 6, 9)]
    assert assigned(row[1:], row[:3]).pairs == ((0, 0), (1, 1), (2, 2))
    assert assigned(row[1:3], row[:3]).pairs == ((0, 1), (1, 2))


@pytest.mark.parametrize("seed", range(20))
def test_of_all_ways_to_pair_them_none_has_more_pairs_or_more_overlap(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    sides = [(x, y, x + 10, y + 10) for x, y in numbers.integers(0, 6, (9, 2)).tolist()]
    labels = ["cat" if one else "dog" for one in numbers.integers(0, 2, 9)]
    things = [(Box(*one), label) for one, label in zip(sides, labels, strict=True)]
    said, true = things[:5], things[5:]
    result, best = assigned(said, true), (0, 0.0)
    for order in permutations([*range(4), None], 5):
        pairs = [(said[n], true[at]) for n, at in enumerate(order) if at is not None]
        shares = [overlap(one[0], other[0]) for one, other in pairs if one[1] == other[1]]
        own = [share for share in shares if share >= 0.5]
        best = max(best, (len(own), sum(own)))
    found_ = sum(overlap(said[n][0], true[at][0]) for n, at in result.pairs)
    assert (len(result.pairs), found_) == pytest.approx(best)
    assert sorted([n for n, _ in (*result.pairs, *result.twice)] + list(result.nothing)) == list(range(5))
    assert {at for _, at in result.twice}.isdisjoint(result.missed)
    assert sorted([at for _, at in result.pairs] + list(result.missed)) == list(range(4))


def test_nothing_is_assigned_where_one_side_has_nothing() -> None:
    assert assigned([], [(HERE, "cat")]).missed == (0,) and assigned([(HERE, "cat")], []).nothing == (0,)
    assert assigned([], []) == matched([], [])


def test_covered_is_the_area_counted_pixel_by_pixel() -> None:
    axis, box = Patches(12, 9, rows=3, columns=4, first=("[CLS]",)), Box(2.0, 1.0, 10.0, 8.0)
    drawn = np.zeros((90, 120))
    drawn[10:80, 20:100] = 1
    expected = [0.0, *drawn.reshape(3, 30, 4, 30).mean((1, 3)).flatten()]
    assert covered(axis, box).tolist() == pytest.approx(expected)


def test_a_look_spread_evenly_lies_inside_by_the_boxs_share_of_the_picture() -> None:
    axis = Patches(12, 9, rows=3, columns=4)
    slots = Slots(2, "query", ((2.0, 1.0, 10.0, 8.0), (0.0, 0.0, 3.0, 3.0)))
    zeros = torch.zeros(3, 12, 2)
    trace = Trace(
        slots, axis, (attend(torch.zeros(3, 2, 2), zeros, zeros, rule=Soft()),),
        answer=Answer("token", torch.zeros(2, 1), ("cat",), slots, "several"), part="cross",
    )  # fmt: skip
    assert inside(trace, 0, 0).tolist() == pytest.approx([56 / 108] * 3)
    assert inside(trace, 0, 1).tolist() == pytest.approx([1 / 12] * 3)
