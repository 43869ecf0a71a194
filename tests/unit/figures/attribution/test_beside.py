"""Shares beside what they are held to: every number is drawn where it is, the words in a column of their own."""

from __future__ import annotations

import math

import pytest

from attnviz.figures.attribution.beside import EDGE, Row, beside
from attnviz.selection import Style

ROWS = [Row("a", 0.9, "2.1", 0.5, 0.1), Row("b<", 0.2, "0.0", 0.25, math.nan), Row("c", 1.0)]
NAMES = ("head", "distance", "chance")


@pytest.mark.parametrize("dark", [False, True])
def test_every_number_is_drawn_in_its_row(dark: bool) -> None:
    figure = beside(ROWS, NAMES, "share", chosen=1, style=Style(dark=dark))
    points, simpler, chance, words, ring = figure.data
    assert (
        list(points.x) == [0.9, 0.2, 1.0]
        and list(points.y) == [0, 1, 2]
        and [row for (row,) in points.customdata] == [0, 1, 2]
    )
    assert simpler.x[:2] == (0.5, 0.25) and math.isnan(simpler.x[2]) and chance.x[0] == 0.1
    assert list(words.text) == ["2.1", "0.0", ""] and set(words.x) == {EDGE}
    assert (list(ring.x), list(ring.y)) == ([0.2], [1])
    assert len({one.marker.symbol for one in (points, simpler, chance)}) == 3
    assert list(figure.layout.yaxis.range) == [2.5, -0.5] and figure.layout.xaxis.range[1] > EDGE


def test_a_mark_without_a_name_is_not_drawn_and_intervals_reach_to_their_ends() -> None:
    rows = [Row("a", 0.5, low=0.4, high=0.7), Row("b", 0.1)]
    figure = beside(rows, ("right", "", "chance"), "share")
    assert [one.name for one in figure.data if one.showlegend is None] == ["right", "chance"]
    errors = figure.data[0].error_x
    assert errors.array[0] == pytest.approx(0.2) and errors.arrayminus[0] == pytest.approx(0.1)
    assert errors.array[1] is None and not list(figure.data[-1].x)
