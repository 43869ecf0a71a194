"""What a detector found, as the page says it: each query's thing, whether it is truly there, and what a change did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.axes import Box
    from attnviz.trace import Trace

True_ = tuple["Box", str]


@dataclass(frozen=True)
class Thing:
    """What one query found. `shown` where it is sure enough; `mark` says how it agrees with what is truly there.

    The mark is "hit", "twice" (another is matched with the same), "nothing" (no such thing is marked there), or ""
    where nothing is known of the picture. `of` is the number of the true box that a hit or a double stands for.
    """

    slot: int
    box: Box
    label: str
    confidence: float
    shown: bool
    mark: str = ""
    of: int | None = None


@dataclass(frozen=True)
class Seen:
    """All that was found, a thing a query in the queries' order, and which true boxes were missed."""

    things: tuple[Thing, ...]
    missed: tuple[int, ...] = ()

    @property
    def shown(self) -> tuple[Thing, ...]:
        """The things that are sure enough, the surest first."""
        return tuple(sorted((one for one in self.things if one.shown), key=lambda one: -one.confidence))

    def marked(self, mark: str) -> int:
        """How many things have a mark?"""
        return sum(one.mark == mark for one in self.shown)


def seen(trace: Trace, least: float, true: Sequence[True_]) -> Seen:
    """What was found with at least that confidence, matched with what is truly there ((): nothing is known)."""
    from attnviz.measures import assigned, found

    every = found(trace, 0.0)
    sure = [one for one in every if one.confidence >= least]
    agrees = assigned([(one.box, one.label) for one in sure], true)
    marks: dict[int, tuple[str, int | None]] = {}
    if true:
        marks |= {sure[number].slot: ("hit", at) for number, at in agrees.pairs}
        marks |= {sure[number].slot: ("twice", at) for number, at in agrees.twice}
        marks |= {sure[number].slot: ("nothing", None) for number in agrees.nothing}
    things = [
        Thing(one.slot, one.box, one.label, one.confidence, one.confidence >= least, *marks.get(one.slot, ("", None)))
        for one in every
    ]
    return Seen(tuple(sorted(things, key=lambda one: one.slot)), agrees.missed)


@dataclass(frozen=True)
class Moved:
    """What a change did to the boxes, query by query: how many stayed, went, came, got another label; how far in pixels
    the middle of one that stayed went, on average and at most.
    """

    stayed: int
    gone: int
    new: int
    renamed: int
    mean: float
    most: float


def moved(before: Seen, after: Seen) -> Moved:
    """What did a change do to the boxes that are shown?"""
    was, now = ({one.slot: one for one in run.shown} for run in (before, after))
    both = [(was[slot], now[slot]) for slot in was if slot in now]
    ways = [math.dist(_middle(one.box), _middle(other.box)) for one, other in both]
    return Moved(
        len(both), len(was.keys() - now.keys()), len(now.keys() - was.keys()),
        sum(one.label != other.label for one, other in both), sum(ways) / len(ways) if ways else 0.0,
        max(ways, default=0.0),
    )  # fmt: skip


def _middle(box: Box) -> tuple[float, float]:
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def area(box: Box, width: int, height: int) -> float:
    """Which share of a picture does a box cover?"""
    wide = min(max(box.right, 0), width) - min(max(box.left, 0), width)
    high = min(max(box.bottom, 0), height) - min(max(box.top, 0), height)
    return wide * high / (width * height)


def table(things: Sequence[Thing], looks: Sequence[float], size: tuple[int, int]) -> str:
    """The things as CSV: query, label, confidence, box in pixels, its share of the picture, the share of the query's
    look that lies inside, and how it agrees with what is truly there.
    """
    import csv
    from io import StringIO

    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["query", "label", "confidence", "left", "top", "right", "bottom", "area", "inside", "agrees", "true_box"]
    )
    for one, look in zip(things, looks, strict=True):
        sides = [f"{side:.2f}" for side in one.box]
        of = "" if one.of is None else one.of
        writer.writerow(
            [one.slot, one.label, f"{one.confidence:.4f}", *sides, f"{area(one.box, *size):.4f}", f"{look:.4f}",
             one.mark, of]
        )  # fmt: skip
    return file.getvalue()
