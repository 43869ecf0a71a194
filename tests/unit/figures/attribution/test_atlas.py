"""Heads as points: each where its numbers are, a sign for what it does, a ring round the one that is open."""

from __future__ import annotations

from attnviz.figures.attribution.atlas import MOST_LABELS, Point, points
from attnviz.figures.curves import Axes

HEADS = [
    Point(0.1, 2.0, "0.0", "previous", 0), Point(0.9, 1.0, "0.1", "next", 1), Point(0.5, 3.0, "1.0", "", 2),
    Point(0.2, 0.5, "1.1", "previous", 3),
]  # fmt: skip
KINDS = {"previous": "previous token", "next": "next token", "": "nothing clear"}


def test_every_head_lies_at_its_numbers_among_those_that_do_the_same() -> None:
    *kinds, ring = points(HEADS, KINDS, Axes("across", "up"), chosen=2).data
    assert [one.name for one in kinds] == list(KINDS.values())
    assert [list(zip(one.x, one.y, strict=True)) for one in kinds] == [
        [(0.1, 2.0), (0.2, 0.5)], [(0.9, 1.0)], [(0.5, 3.0)],
    ]  # fmt: skip
    assert [[number for number, _ in one.customdata] for one in kinds] == [[0, 3], [1], [2]]
    assert len({one.marker.symbol for one in kinds}) == 3 and kinds[2].marker.symbol == "circle-open"
    assert (ring.x, ring.y) == ((0.5,), (3.0,))


def test_of_many_heads_those_with_a_name_are_written() -> None:
    many = [*HEADS, *(Point(float(n), float(n), f"9.{n}", "", n) for n in range(4, MOST_LABELS + 1))]
    modes = {one.name: one.mode for one in points(many, KINDS, Axes("x", "y"), chosen=0).data[:3]}
    assert modes == {"previous token": "markers+text", "next token": "markers+text", "nothing clear": "markers"}
