"""Edges and self-loops as filled shapes, so that a weight is a width; all in the picture's own units."""

from __future__ import annotations

import math
from collections.abc import Iterable

Point = tuple[float, float]
Shape = list[Point]

WIDE = 0.055  # a weight of 1
LOOP, OUT = 0.036, 0.05  # radius of a self-loop, and how far from the node its middle is
CORNERS = 28


def band(start: Point, end: Point, width: float) -> Shape:
    """A straight band from a point to another.

    >>> band((0.0, 0.0), (1.0, 0.0), 0.2)
    [(0.0, 0.1), (1.0, 0.1), (1.0, -0.1), (0.0, -0.1)]
    """
    (x, y), (to, down) = start, end
    length = math.hypot(to - x, down - y) or 1.0
    across, along = -(down - y) / length * width / 2, (to - x) / length * width / 2
    return [(x + across, y + along), (to + across, down + along), (to - across, down - along), (x - across, y - along)]


def ring(middle: Point, radius: float, width: float) -> Shape:
    """A ring round a point: its outer edge, and back along the inner one."""
    turns = [2 * math.pi * corner / CORNERS for corner in range(CORNERS + 1)]
    outer, inner = radius + width / 2, max(radius - width / 2, 0.0)
    x, y = middle
    return [
        *((x + outer * math.cos(turn), y + outer * math.sin(turn)) for turn in turns),
        *((x + inner * math.cos(turn), y + inner * math.sin(turn)) for turn in reversed(turns)),
    ]


def middle(one: Point, other: Point) -> Point:
    """Half way."""
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def away(point: Point, others: Iterable[Point], far: float = OUT) -> Point:
    """A place beside a point, on the side where the others are not."""
    pulls = [(point[0] - x, point[1] - y) for x, y in others]
    x, y = sum(pull[0] for pull in pulls), sum(pull[1] for pull in pulls)
    length = math.hypot(x, y)
    if length < 1e-6:
        x, y, length = 0.0, -1.0, 1.0
    return point[0] + far * x / length, point[1] + far * y / length


def outline(shapes: Iterable[Shape]) -> tuple[list[float | None], list[float | None]]:
    """Many shapes as one Plotly trace: coordinates with a gap after each."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for shape in shapes:
        xs += [*(round(x, 4) for x, _ in shape), None]
        ys += [*(round(y, 4) for _, y in shape), None]
    return xs, ys
