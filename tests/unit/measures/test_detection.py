"""Found boxes beside true ones: who found what, what was missed, found twice, or is nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attnviz.answers import NO_OBJECT, Answer
from attnviz.axes import Box, Patches, Slots
from attnviz.core.attention import attend
from attnviz.core.rules import Soft
from attnviz.errors import ModelError
from attnviz.measures import covered, found, inside, matched, overlap
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
