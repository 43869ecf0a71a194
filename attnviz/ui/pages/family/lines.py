"""The lines of the map: from each member down to those that change one thing of it, as grounds of the rows.

A line belongs to a member from which others come and runs in a lane of its own, from its row to that of the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LANE, FIRST, HIGH = 16, 10, 17  # pixels: between lanes, to the first, from a row's top to its dot
BLUE = "#3f7fb8"  # seen on light and on dark ground alike


class Row(Protocol):
    """What a line needs to know of a member."""

    @property
    def key(self) -> str:
        """Its name."""
        ...

    @property
    def of(self) -> str:
        """The name of the one that it comes from; "" for the first."""
        ...


@dataclass(frozen=True)
class Lines:
    """The rows in their order, the lane of each that has others below it, and the row where its line ends."""

    members: tuple[Row, ...]
    lanes: dict[str, int]
    ends: dict[str, int]

    @property
    def across(self) -> int:
        """How many pixels do the lines need to the left of the words?"""
        return FIRST + LANE * len(self.lanes) + 18

    def lane(self, member: Row) -> int:
        """In which lane does the dot of a member stand? Those that nothing comes from stand to the right of all."""
        return self.lanes.get(member.key, len(self.lanes))

    def ground(self, row: int) -> str:
        """A row's part of all lines, as a CSS background."""
        member = self.members[row]
        parts = [_dot(self.lane(member))]
        if member.of:
            parts.append(_across(self.lanes[member.of], self.lane(member)))
        for key, lane in self.lanes.items():
            start = next(at for at, one in enumerate(self.members) if one.key == key)
            if start <= row <= self.ends[key]:
                parts.append(_down(lane, begins=row == start, ends=row == self.ends[key]))
        return ",".join(parts)

    def between(self, row: int) -> str:
        """The lines that run on from the row before this one, as the ground of what stands between the two."""
        found = [
            _down(lane, begins=False, ends=False)
            for key, lane in self.lanes.items()
            if next(at for at, one in enumerate(self.members) if one.key == key) < row <= self.ends[key]
        ]
        return ",".join(found) or "none"


def lines_of(members: Sequence[Row]) -> Lines:
    """Which lanes do these rows need?"""
    ends = {
        member.key: max(at for at, one in enumerate(members) if one.of == member.key)
        for member in members
        if any(one.of == member.key for one in members)
    }
    return Lines(tuple(members), {key: lane for lane, key in enumerate(ends)}, ends)


def _x(lane: int) -> int:
    return FIRST + LANE * lane


def _dot(lane: int) -> str:
    """The dot of a member."""
    return f"radial-gradient(circle 5px at {_x(lane)}px {HIGH}px,{BLUE} 90%,transparent)"


def _across(one: int, other: int) -> str:
    """From a lane to a dot."""
    return f"linear-gradient({BLUE},{BLUE}) {_x(one)}px {HIGH - 1}px/{_x(other) - _x(one)}px 2px no-repeat"


def _down(lane: int, *, begins: bool, ends: bool) -> str:
    """A lane's part of a row: from its dot, through, or as far as the last dot."""
    high = f"{HIGH}px" if ends else "100%"
    return f"linear-gradient({BLUE},{BLUE}) {_x(lane) - 1}px {HIGH if begins else 0}px/2px {high} no-repeat"
