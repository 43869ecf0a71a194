"""A sentence with arcs and boxes against what a head's weights say."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import torch

import attnviz as av
from attnviz.figures.arcs import ARCH, LEAST, LOW, MOST, Arcs, arcs, arcs_of, colour_of, room
from attnviz.figures.readings import side_colours
from attnviz.measures import lean, spelled
from attnviz.measures.readings import Lean
from attnviz.selection import Style
from attnviz.text.segmentation import Reading

BRIDGE, MAYOR = Reading.parse("南京市/长江大桥"), Reading.parse("南京市长/江大桥")
WEIGHTS = torch.tensor([[0.0, 0.6, 0.0], [0.6, 0.0, 0.3], [0.0, 0.0, 0.0]])
DRAWN = Arcs(("甲", "<b>", "c"), (WEIGHTS + WEIGHTS.T) / 2, ((0, 1), (2,)), (False, False, True), 0)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def trace() -> av.Trace:
    return av.record(av.load("lab-4"), "南京市长江大桥")


def drawn(picture: Arcs, **how: object) -> ElementTree.Element:
    return ElementTree.fromstring(arcs(picture, **how))  # type: ignore[arg-type]


def test_arcs_join_the_pairs_that_look_at_each_other_and_are_as_thick_as_that() -> None:
    paths = drawn(DRAWN).findall(f"{SVG}path")
    assert [float(path.get("data-weight")) for path in paths] == pytest.approx([0.6, 0.15])
    assert [float(path.get("stroke-width")) for path in paths] == pytest.approx([5.4, 1.4], abs=0.06)
    assert (
        len(drawn(Arcs(("a", "b"), torch.full((2, 2), LEAST * 0.99), ((0,), (1,)), (False,) * 2, 0)).findall("*")) == 4
    )


def test_an_arc_ends_over_the_middle_of_its_tokens() -> None:
    letters = [float(text.get("x")) for text in drawn(DRAWN).findall(f"{SVG}text")]
    for path, (one, other) in zip(drawn(DRAWN).findall(f"{SVG}path"), ((0, 1), (1, 2)), strict=True):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d"))]
        assert (numbers[0], numbers[4]) == pytest.approx((letters[one], letters[other]), abs=0.11)


def test_boxes_hold_their_tokens_and_a_token_alone_is_dotted() -> None:
    root = drawn(DRAWN)
    boxes = [
        (float(box.get("x")), float(box.get("width")), box.get("stroke-dasharray"))
        for box in root.findall(f"{SVG}rect")
    ]
    letters = [float(text.get("x")) for text in root.findall(f"{SVG}text")]
    inside = [[x <= at <= x + width for at in letters] for x, width, _ in boxes]
    assert inside == [[True, True, False], [False, False, True]]
    assert [dash is None for *_, dash in boxes] == [True, False]
    width = float(root.get("width"))
    assert all(x >= 0 and x + wide <= width for x, wide, _ in boxes)


def test_colour_is_that_of_the_reading_and_grey_where_nobody_holds_it() -> None:
    for dark in (False, True):
        style = Style(dark=dark)
        used = [
            {part.get("stroke") for part in drawn(replaced(side), style=style).iter() if part.get("stroke")}
            for side in (0, 1, None)
        ]
        assert used == [{side_colours(dark)[0]}, {side_colours(dark)[1]}, {colour_of(None, style)}]
    opacity = [
        max(float(path.get("stroke-opacity")) for path in drawn(replaced(side)).findall(f"{SVG}path"))
        for side in (0, None)
    ]
    assert opacity[0] > 0.9 and opacity[1] < 0.5


def replaced(side: int | None) -> Arcs:
    return Arcs(DRAWN.labels, DRAWN.weights, DRAWN.words, DRAWN.spaced, side)


def test_tokens_are_written_as_they_are_whatever_they_hold() -> None:
    assert [text.text for text in drawn(DRAWN).findall(f"{SVG}text")] == ["甲", "<b>", "c"]


def test_two_pictures_side_by_side_share_the_room_above() -> None:
    flat, high = Arcs(("a", "b"), torch.zeros(2, 2), ((0,), (1,)), (False,) * 2, 0), wide(12)
    assert room(flat) == LOW and LOW < room(high) <= ARCH + 5
    tops = {float(drawn(one, arch=room(high)).get("viewBox").split()[1]) for one in (flat, high)}
    assert len(tops) == 1


def wide(count: int) -> Arcs:
    weights = torch.zeros(count, count)
    weights[0, -1] = weights[-1, 0] = 0.9
    return Arcs(("字",) * count, weights, tuple((at,) for at in range(count)), (False,) * count, 1)


def test_a_heads_picture_boxes_what_is_read_off_it_and_is_pale_unless_it_is_clear(trace: av.Trace) -> None:
    found = lean(trace, BRIDGE, MAYOR)
    for layer in range(trace.n_layers):
        for head in range(trace.n_heads):
            for side in (0, 1):
                picture = arcs_of(trace, found, (layer, head), side)
                words = ["".join(picture.labels[at] for at in word) for word in picture.words]
                assert words == spelled(trace, layer, head).words
                assert picture.side is None
                rows = trace.weights(layer, head).tolist()
                means = [[(rows[a][b] + rows[b][a]) / 2 for b in range(1, 8)] for a in range(1, 8)]
                torch.testing.assert_close(picture.weights, torch.tensor(means), atol=1e-7, rtol=0)
    rows = found.bits * 0
    sure = Lean(BRIDGE, MAYOR, rows + 2, rows - 1, rows + 1, rows + 1, rows)
    assert [arcs_of(trace, sure, (1, 1), side).side for side in (0, 1)] == [0, None]


def test_of_a_long_text_what_surrounds_the_difference_is_drawn() -> None:
    before, after = "他说过的话" * 8, "我都记得" * 10
    text = before + "南京市长江大桥" + after
    trace = av.record(av.load("lab-1"), text)
    readings = [
        Reading(text, ((0, 40), *((a + 40, b + 40) for a, b in one.units), (47, len(text)))) for one in (BRIDGE, MAYOR)
    ]
    picture = arcs_of(trace, lean(trace, *readings), (0, 0), 0)
    assert len(picture.labels) == MOST and picture.cut == (True, True)
    assert "南京市长江大桥" in "".join(picture.labels)
    letters = [part.text for part in drawn(picture).findall(f"{SVG}text")]
    assert letters.count("…") == 2


def test_a_space_of_the_text_is_a_space_in_the_picture() -> None:
    trace = av.record(av.load("lab-4"), "I saw him")
    found = lean(trace, Reading.parse("[I saw] him"), Reading.parse("I [saw him]"))
    assert arcs_of(trace, found, (1, 0), 0).spaced == (False, True, True)
