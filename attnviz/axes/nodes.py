"""A graph."""

from __future__ import annotations

import math
from dataclasses import dataclass

from attnviz.axes.axis import Point, Wordless, check_lengths, check_special


@dataclass(frozen=True)
class Nodes(Wordless):
    """The nodes of a graph by their names (`labels`), each at a point (x, y) where it is drawn, y down.

    `points` may be empty where nobody has laid the graph out. Raises `ValueError` for another number of points than
    nodes, and for one that is nowhere.

    >>> Nodes(("a", "b"), points=((0.0, 0.0), (1.0, 0.5))).stands_for(1)
    Point(x=1.0, y=0.5)
    """

    labels: tuple[str, ...]
    points: tuple[tuple[float, float], ...] = ()
    unit = "node"

    def __post_init__(self) -> None:
        check_special(self.labels)
        if self.points:
            check_lengths("nodes", labels=self.labels, points=self.points)
        for number, (x, y) in enumerate(self.points):
            if not (math.isfinite(x) and math.isfinite(y)):
                raise ValueError(f"node {number} stands at ({x}, {y})")

    @property
    def special(self) -> tuple[bool, ...]:
        """None is."""
        return (False,) * len(self.labels)

    def stands_for(self, place: int) -> Point | None:
        return Point(*self.points[place]) if self.points else None
