"""A drawn graph as data: widths are weights, round every node they are the same in sum; stars hold every number."""

from __future__ import annotations

import base64
import re

import pytest
import torch

from attnviz.figures.graph.frame import frame
from attnviz.figures.graph.picture import ACROSS, Drawn, most, paint
from attnviz.figures.graph.shapes import WIDE, away, band, ring
from attnviz.figures.graph.stars import Star, stars
from attnviz.selection import Style

WEIGHTS = torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.4, 0.0], [0.9, 0.0, 0.1]])
ALLOWED = torch.tensor([[True, True, True], [True, True, False], [True, False, True]])
DRAWN = Drawn(
    ("a", "<b>", "c"), ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)), WEIGHTS, ALLOWED, (0, 1, 1), ("red", "blue"),
    frozenset({1}), 0,
)  # fmt: skip


def area(xs: list[float], ys: list[float]) -> float:
    """Twice the area of a closed shape, by the shoelace."""
    turned = zip(xs, ys, [*xs[1:], xs[0]], [*ys[1:], ys[0]], strict=True)
    return abs(sum(x * down - to * y for x, y, to, down in turned)) / 2


def shapes(trace) -> list[tuple[list[float], list[float]]]:  # type: ignore[no-untyped-def]
    found, xs, ys = [], list[float](), list[float]()
    for x, y in zip(trace.x, trace.y, strict=True):
        if x is None:
            found.append((xs, ys))
            xs, ys = [], []
        else:
            xs.append(x)
            ys.append(y)
    return found


def test_a_half_edge_is_as_wide_as_its_weight_and_a_ring_too() -> None:
    own = shapes(paint(DRAWN).data[3])
    loop, one, other = (area(*shape) for shape in own)
    assert one / (ACROSS / 2) == pytest.approx(0.3 * WIDE, abs=2e-4)  # half the way from a to b
    assert other / 0.5 == pytest.approx(0.2 * WIDE, abs=2e-4)
    assert loop == pytest.approx(area(*map(list, zip(*ring((0, 0), 0.036, 0.5 * WIDE), strict=True))), rel=0.02)
    rest = shapes(paint(DRAWN).data[2])
    assert len(rest) == 4  # b and c: an edge and a ring each


def test_nodes_have_colour_and_shape_of_their_class_and_report_their_number() -> None:
    figure = paint(DRAWN, Style(dark=True))
    red, blue = figure.data[4:]
    assert (red.name, blue.name) == ("red", "blue") and red.marker.symbol != blue.marker.symbol
    assert red.marker.color != blue.marker.color
    assert [list(one) for one in blue.customdata] == [[0, 1], [0, 2]]
    assert "&lt;b&gt;" in blue.text[0] and "<b>&" not in blue.text[0]
    assert blue.marker.line.width[0] > blue.marker.line.width[1]  # its class was given
    assert red.marker.size[0] > blue.marker.size[0]  # it is open


def test_an_edge_that_was_taken_away_is_dotted_and_no_longer_thin() -> None:
    allowed = ALLOWED.clone()
    allowed[0, 2] = allowed[2, 0] = False
    figure = paint(Drawn(*[getattr(DRAWN, n) for n in ("labels", "points", "weights")], allowed, DRAWN.kinds,
                         DRAWN.classes, cut=((0, 2), (2, 0))))  # fmt: skip
    assert len(shapes(figure.data[0])) == 1 and figure.data[1].line.dash == "dot"
    assert len(shapes(figure.data[1])) == 1


def test_whom_a_node_gives_most_comes_first() -> None:
    assert [node for node, _ in most(DRAWN, 0, 2)] == [0, 1]


def test_a_band_of_no_length_and_a_node_without_neighbours_are_drawn() -> None:
    assert len(band((1.0, 1.0), (1.0, 1.0), 0.1)) == 4
    assert away((0.5, 0.5), [])[1] < 0.5


def test_stars_say_every_number_and_every_name() -> None:
    page = stars(["me", "<x>", "y"], [Star("head 0", torch.tensor([0.5, 0.25, 0.25]), 'the "first"')])
    assert page.count("<img") == 1 and "the &quot;first&quot;" in page
    svg = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1]).decode()  # type: ignore[index]
    assert "&lt;x&gt;" in svg and svg.count("0.25") == 2 and ">me<" in svg
    assert stars(["alone"], [Star("head 0", torch.tensor([1.0]), "alone")]).count("<img") == 1


def test_a_frame_has_the_widths_and_the_nodes_of_the_picture() -> None:
    page = frame(DRAWN, "a graph", Style(dark=True))
    svg = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1]).decode()  # type: ignore[index]
    paths = re.findall(r"<path d='([^']*)'", svg)
    meant = [shapes(paint(DRAWN).data[number]) for number in (0, 2, 3)]
    assert [path.count("M") for path in paths] == [len(one) for one in meant]
    assert svg.count("<polygon") == 3 and "&lt;b&gt;" in svg and 'alt="a graph"' in page
