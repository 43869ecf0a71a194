"""One side of a map, whatever it is made of: what figures, measures and files know of it.

    labels      a readable name for every place
    special     which places are none of the thing itself: [CLS], a register, an end
    stands_for  what one place stands for on the thing: characters, a box of pixels, a time, a point; or nothing
    grouped     places taken together, where the axis offers it (tokens by character, by word)

What draws or counts asks these four, and never what kind of axis it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from attnviz.axes.direction import right_to_left
from attnviz.axes.units import Units


class Characters(NamedTuple):
    """Characters `[start, end)` of the axis's `text`."""

    start: int
    end: int


class Box(NamedTuple):
    """A box of a picture in pixels, x to the right and y down; `right` and `bottom` are the first outside."""

    left: float
    top: float
    right: float
    bottom: float


class Seconds(NamedTuple):
    """A stretch of a recording, from its beginning."""

    start: float
    end: float


class Point(NamedTuple):
    """A place on a plane, x to the right and y down."""

    x: float
    y: float


class Rows(NamedTuple):
    """Rows `[start, end)` of a table whose rows are time steps, counted from its first."""

    start: int
    end: int


Stands = Characters | Box | Seconds | Point | Rows


class Axis:
    """One side of a map. Kinds are frozen dataclasses that have these, fields or not; `len` counts the places.

    `text` is what was read, "" where the places stand for no text; `cut` the number of its characters that were read
    (None: all of them); `unit` what one place is called.
    """

    if TYPE_CHECKING:  # at run time a property of a base would be taken for the default of a dataclass's field

        @property
        def labels(self) -> tuple[str, ...]: ...

        @property
        def special(self) -> tuple[bool, ...]: ...

        @property
        def text(self) -> str: ...

        @property
        def cut(self) -> int | None: ...

        @property
        def unit(self) -> str: ...

    def __len__(self) -> int:
        return len(self.labels)

    def stands_for(self, place: int) -> Stands | None:
        """What does one place stand for on the thing itself? None for one that stands for no part of it."""
        return None

    @property
    def segments(self) -> tuple[int | None, ...]:
        """Which of two texts that were read as one is each place of: 0, 1, or None for neither? () where it is one."""
        return ()

    @property
    def roles(self) -> tuple[str | None, ...]:
        """Who says each place of a chat ("system", "user", ...; None: its template wrote it)? () where it is none."""
        return ()

    def left_out(self) -> list[tuple[str, str, int]]:
        """The texts that were not read to their end: "" or which of two it is ("_a", "_b"), the text, and how many
        of its characters were read.
        """
        return [] if self.cut is None else [("", self.text, self.cut)]

    @property
    def groupings(self) -> tuple[str, ...]:
        """The ways in which places can be taken, the first of them each by itself."""
        return (self.unit,)

    def grouped(self, by: str) -> Units:
        """Which places go together? One that this axis does not offer leaves each by itself, so that a map of two kinds
        of things can be asked for one grouping.
        """
        return self.alone()

    @property
    def right_to_left(self) -> bool:
        """Is what was read written from right to left? Then its first place stands on the right."""
        return right_to_left(self.text)

    def alone(self) -> Units:
        """Each place by itself."""
        return Units(tuple(range(len(self.labels))), self.labels, self.special)

    def face(self, place: int) -> str:
        """The characters that a place stands for, "" where it stands for none."""
        found = self.stands_for(place)
        return self.text[found.start : found.end] if isinstance(found, Characters) else ""


@dataclass(frozen=True)
class Over(Axis):
    """An axis made of another (`of`), whose text it keeps: kinds of it say what their places are."""

    of: Axis

    @property
    def text(self) -> str:
        return self.of.text

    @property
    def cut(self) -> int | None:
        return self.of.cut

    @property
    def unit(self) -> str:
        return self.of.unit

    @property
    def groupings(self) -> tuple[str, ...]:
        return self.of.groupings


class Wordless(Axis):
    """An axis whose places stand for no text."""

    text = ""
    cut = None


def check_lengths(what: str, **parts: Sequence[object]) -> None:
    """Refuse parts of an axis that are not equally long. Raises `ValueError` with their names and lengths."""
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise ValueError(f"{what} need as many of each; got {found}")


def check_special(names: Sequence[str]) -> None:
    """Refuse names of special places that are not text. Raises `ValueError`."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"special places are a tuple of names; got {names!r}")
