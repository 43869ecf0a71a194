"""Axes of every kind: their labels, their special places, what a place stands for, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from attnviz import AttnvizError, Trace, export, figures
from attnviz.axes import (
    Axis,
    Bands,
    Beside,
    Box,
    Characters,
    Frames,
    Illustrated,
    Items,
    Levels,
    Moments,
    Nodes,
    Patches,
    Rows,
    Sentences,
    Slots,
    Spans,
    Steps,
    Units,
)
from attnviz.text.tokens import Encoded
from tests.unit.figures.kinds import call, read

CAT = Encoded("unable cat", (1, 2, 3, 4), ("un", "##able", "cat", "</s>"), ((0, 2), (2, 6), (7, 10), None),
              (False, False, False, True), None)  # fmt: skip
KINDS: tuple[Axis, ...] = (
    CAT, Patches(30, 20, 2, 3, first=("[CLS]",), last=("[R1]", "[R2]")), Frames.even(3, 0.5),
    Patches(30, 20, 2, 3, ("[CLS]",), region=(-10.0, 2.0, 20.0, 18.0), order=(5, 4, 3, 2, 1, 0)),
    Frames(((0.0, 1.0),), first=("[CLS]",)), Nodes(("a", "b"), ((0.0, 0.0), (1.0, 2.0))), Nodes(("a",)),
    Items(("tea", "cup")), Steps(3), Slots(2), Sentences("Hi. You?", ("1", "2"), ((0, 3), (4, 8)), 8),
    Beside(CAT, ("[MEAN]",)), Bands(((0.0, 0.1), (0.1, 0.2)), ((20.0, 90.0),), ("[CLS]",), heard=1),
    Spans(((0, 3), (3, 4)), first=("[CLS]",)),
    Illustrated(CAT, 30, 20, ("", "", "1,1", ""), (None, None, (0.0, 0.0, 30.0, 20.0), None)),
    Illustrated(CAT, 30, 20, ("", "", "[CLS]", ""), (None, None, None, None)),
    Levels((Patches(30, 20, 2, 3), Patches(30, 20, 1, 2, region=(0.0, 0.0, 32.0, 20.0)))),
    Beside(CAT, ("[MEAN]",)), Moments(("1", "2")), Moments(("23", "0"), ("2014-01-31T23:00", "2014-02-01T00:00")),
)  # fmt: skip


@pytest.mark.parametrize("axis", KINDS, ids=lambda axis: type(axis).__name__)
def test_every_axis_has_as_many_labels_as_places_and_special_places_stand_for_nothing(axis: Axis) -> None:
    assert len(axis) == len(axis.labels) == len(axis.special)
    assert all(isinstance(label, str) for label in axis.labels) and isinstance(axis.cut, int | None)
    for place, special in enumerate(axis.special):
        assert not (special and axis.stands_for(place)), axis.labels[place]
    assert axis.groupings[0] == axis.unit
    assert axis.grouped(axis.unit) == axis.grouped("nonsense") == axis.alone()
    with pytest.raises(Exception, match=r"cannot assign|frozen"):
        axis.labels = ()  # type: ignore[misc]
    assert hash(axis) == hash(axis)


def test_a_picture_in_a_text_has_its_own_names_and_boxes_and_the_text_keeps_its_words() -> None:
    axis = Illustrated(CAT, 30, 20, ("", "", "1,1", ""), (None, None, (0.0, 0.0, 15.0, 20.0), None))
    assert axis.labels == ("un", "##able", "1,1", "</s>") and axis.pictured == (2,)
    assert axis.stands_for(2) == Box(0.0, 0.0, 15.0, 20.0) and axis.stands_for(1) == Characters(2, 6)
    assert axis.grouped("word").labels == ("unable", "1,1", "</s>") and axis.text == "unable cat"
    with pytest.raises(ValueError, match="has a name"):
        Illustrated(CAT, 30, 20, ("", "", "", ""), (None, None, (0.0, 0.0, 15.0, 20.0), None))
    with pytest.raises(ValueError, match="as many"):
        Illustrated(CAT, 30, 20, ("",), (None,))


def test_patches_tile_the_picture_row_by_row() -> None:
    axis = Patches(30, 20, 2, 3, first=("[CLS]",), last=("[R1]", "[R2]"))
    boxes = [box for place in range(len(axis)) if (box := axis.stands_for(place))]
    assert axis.labels == ("[CLS]", "1,1", "1,2", "1,3", "2,1", "2,2", "2,3", "[R1]", "[R2]")
    assert boxes[0] == (0, 0, 10, 10) and boxes[4] == (10, 10, 20, 20)
    painted = torch.zeros(20, 30)
    for left, top, right, bottom in boxes:
        painted[int(top) : int(bottom), int(left) : int(right)] += 1
    assert bool((painted == 1).all()), "every pixel is in one patch"


def test_patches_of_a_region_lie_inside_it_and_those_outside_the_picture_are_special() -> None:
    axis = Patches(30, 20, 2, 3, ("[CLS]",), region=(10.0, 5.0, 40.0, 15.0))
    assert axis.stands_for(1) == Box(10, 5, 20, 10) and axis.stands_for(5) == Box(20, 10, 30, 15)
    assert axis.stands_for(3) is None and axis.special == (True, False, False, True, False, False, True)
    half = Patches(30, 20, 1, 2, region=(-5.0, 0.0, 35.0, 30.0))
    assert half.stands_for(0) == Box(0, 0, 15, 20) and half.stands_for(-1) == Box(15, 0, 30, 20)


def test_levels_are_one_grid_after_the_other() -> None:
    fine, coarse = Patches(30, 20, 2, 3), Patches(30, 20, 1, 2, region=(0.0, 0.0, 32.0, 20.0))
    axis = Levels((fine, coarse))
    assert axis.labels == (*[f"level 1: {one}" for one in fine.labels], "level 2: 1,1", "level 2: 1,2")
    assert axis.stands_for(5) == fine.stands_for(5) and axis.stands_for(-1) == Box(16, 0, 30, 20)
    assert axis.stands_for(6) == Box(0, 0, 16, 20) and (axis.level(0), axis.level(1)) == (slice(0, 6), slice(6, 8))
    with pytest.raises(IndexError):
        axis.stands_for(8)
    with pytest.raises(ValueError, match="one level"):
        Levels(())


def test_shuffled_patches_stand_for_what_lies_at_their_place() -> None:
    axis = Patches(30, 10, 1, 3, ("[CLS]",), order=(2, 0, 1))
    assert axis.labels == ("[CLS]", "1,3", "1,1", "1,2") and axis.stands_for(1) == Box(20, 0, 30, 10)


def test_what_places_of_other_kinds_stand_for() -> None:
    assert Frames.even(3, 0.5).stands_for(2) == (1.0, 1.5)
    assert Frames(((0.2, 1.0),), first=("[CLS]",)).stands_for(1) == (0.2, 1.0)
    assert Slots(2, boxes=(None, (1.0, 2.0, 3.0, 4.0))).stands_for(1) == Box(1, 2, 3, 4)
    assert Slots(2).stands_for(1) is None and Nodes(("a",)).stands_for(0) is None
    assert CAT.stands_for(1) == Characters(2, 6) and CAT.face(1) == "able" and CAT.face(3) == ""
    assert Steps(2, start=5).labels == ("5", "6")
    bands = Bands(((0.0, 0.1), (0.1, 0.2), (0.2, 0.3)), ((20.0, 90.0), (90.0, 200.0)), ("[CLS]",), heard=2)
    assert bands.special == (True, False, False, True, False, False, True)
    assert bands.stands_for(5) == (0.1, 0.2) and bands.band(5) == (90.0, 200.0) and bands.band(-1) is None
    spans = Spans(((0, 4), (4, 5)), each=0.5, of="h", first=("[CLS]",))
    assert spans.labels == ("[CLS]", "0–2 h", "2 h") and spans.stands_for(1) == Rows(0, 4)
    hours = Moments(("a", "b", "c"), ("2014-01-31T23:00", "2014-02-01T00:00", "2014-02-01T02:00"))
    assert hours.stands_for(1) == (3600.0, 10800.0) and hours.stands_for(-1) == (10800.0, 18000.0)
    assert Moments(("1", "2")).stands_for(0) is None


def test_moments_are_taken_together_by_calendar_day() -> None:
    hours = Moments(("a", "b", "c"), ("2014-01-31T23:00", "2014-02-01T00:00", "2014-02-01T02:00"))
    assert hours.groupings == ("hour", "date") and Moments(("1",)).groupings == ("hour",)
    assert hours.grouped("date") == Units((0, 1, 1), ("2014-01-31", "2014-02-01"), (False, False))
    assert Moments(("1", "2")).grouped("date") == Moments(("1", "2")).alone()


def test_only_text_is_taken_together_by_words_and_places_beside_it_stay_alone() -> None:
    assert CAT.groupings == ("token", "character", "word")
    found = Beside(CAT, ("[MEAN]",)).grouped("word")
    assert found == Units((0, 0, 1, 2, 3), ("unable", "cat", "</s>", "[MEAN]"), (False, False, True, True))
    assert Items(("a", "b")).groupings == ("item",)


WRONG: dict[str, Callable[[], Axis]] = {
    "a picture of no size": lambda: Patches(0, 20, 2, 3),
    "a grid of no rows": lambda: Patches(30, 20, 0, 3),
    "a region of no size": lambda: Patches(30, 20, 2, 3, region=(5.0, 0.0, 5.0, 20.0)),
    "a region without an end": lambda: Patches(30, 20, 2, 3, region=(0.0, 0.0, float("inf"), 20.0)),
    "an order that leaves a patch out": lambda: Patches(30, 20, 2, 3, order=(0, 1, 2, 3, 4, 4)),
    "one name in the place of several": lambda: Patches(30, 20, 2, 3, first="[CLS]"),  # type: ignore[arg-type]
    "a frame that ends before it begins": lambda: Frames(((1.0, 0.5),)),
    "frames out of order": lambda: Frames(((1.0, 2.0), (0.5, 2.0))),
    "a point too few": lambda: Nodes(("a", "b"), ((0.0, 0.0),)),
    "a point that is nowhere": lambda: Nodes(("a",), ((float("nan"), 0.0),)),
    "a stretch of a series that ends where it begins": lambda: Spans(((2, 2),)),
    "a band that ends before it begins": lambda: Bands(((0.0, 1.0),), ((90.0, 20.0),)),
    "more stretches in the sound than there are": lambda: Bands(((0.0, 1.0),), ((20.0, 90.0),), heard=2),
    "a time too few": lambda: Moments(("a", "b"), ("2014-01-01",)),
    "a time that is none": lambda: Moments(("a",), ("yesterday",)),
    "times out of order": lambda: Moments(("a", "b"), ("2014-01-02", "2014-01-01")),
    "less than no steps": lambda: Steps(-1),
    "a box too many": lambda: Slots(1, boxes=(None, None)),
    "a span too few": lambda: Sentences("Hi.", ("1", "2"), ((0, 3),)),
    "a span outside the text": lambda: Sentences("Hi.", ("1",), ((0, 4),)),
    "spans that overlap": lambda: Sentences("Hi. You?", ("1", "2"), ((0, 4), (3, 8))),
    "tokens without labels": lambda: Encoded("a", (1,), (), ((0, 1),), (False,), None),
}


@pytest.mark.parametrize("what", WRONG)
def test_axes_refuse_what_has_not_their_shape(what: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        WRONG[what]()


@pytest.mark.parametrize("keys", KINDS, ids=lambda axis: type(axis).__name__)
def test_pictures_and_files_take_any_axis_on_either_side(keys: Axis) -> None:
    for queries in (CAT, Steps(2), keys):
        trace = Trace(queries, keys, (call(2, len(queries), len(keys)),), rule=call(1, 1, 1).rule)
        shown = figures.heatmap(trace, layer=0, head=1, specials=False).data[0]
        assert torch.as_tensor(shown.z).shape == (queries.special.count(False), keys.special.count(False))
        assert len(figures.grid(trace).data) and len(figures.tokens(trace, layer=0, head=0, query=0).data)
        assert export.csv(trace, layer=0, head=0).count(b"\n") == 1 + len(queries) * len(keys)
        assert b"<!doctype html>" in export.html(trace, layer=0, head=0) and export.npz(trace)


def test_a_map_from_text_to_something_else_is_taken_together_on_the_side_of_the_text() -> None:
    patches = Patches(20, 20, 2, 2)
    trace = Trace(CAT, patches, (call(1, 4, 4),))
    shown = torch.as_tensor(figures.heatmap(trace, layer=0, head=0, by="word").data[0].z)
    weights = trace.weights(0, 0)
    expected = torch.stack([weights[:2].mean(0), weights[2], weights[3]])
    torch.testing.assert_close(shown.float(), expected, atol=1e-6, rtol=0)


def test_a_trace_hands_out_tokens_where_it_has_them_and_says_so_where_not() -> None:
    text, items = read(("The", "cat")), Items(("tea",))
    own, other = Trace(text, text, ()), Trace(Beside(text, ("[MEAN]",)), items, ())
    assert own.encoded is text and own.looked_at is None and not own.crossed and own.text == text.text
    assert other.encoded is text and other.tokens == ["The", "cat", "[MEAN]"] and other.special[2]
    assert other.crossed and other.key_tokens == ["tea"] and Trace(items, text, ()).text == ""
    with pytest.raises(AttnvizError) as told:
        other.looked_at  # noqa: B018
    assert told.value.values == {"unit": "item"} and told.value.say("zh")
