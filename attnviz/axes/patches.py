"""A picture as a vision model reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from attnviz.axes.axis import Box, Wordless, check_special
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Patches(Wordless):
    """The patches of a picture `width` x `height` pixels large, `rows` x `columns` of them, row by row.

    They cover the picture, or its `region` (left, top, right, bottom in its pixels) where a model crops it; of a region
    that reaches beyond the picture, as where a model fills it up, a patch stands for its part of it, and one wholly
    outside is special. `order` names the patch at each place where they were shuffled, counted row by row. `first` and
    `last` name the special places before and after them: a class token, registers. Raises `ValueError` for a picture, a
    grid or a region of no size, and for an order that leaves a patch out.

    >>> Patches(64, 32, rows=2, columns=4, first=("[CLS]",)).stands_for(1)
    Box(left=0.0, top=0.0, right=16.0, bottom=16.0)
    """

    width: int
    height: int
    rows: int
    columns: int
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    region: tuple[float, float, float, float] | None = None
    order: tuple[int, ...] = ()
    unit = "patch"

    def __post_init__(self) -> None:
        check_special(self.first)
        check_special(self.last)
        if min(self.width, self.height, self.rows, self.columns) < 1:
            raise ValueError(
                f"a picture and its grid have a size; got {self.width} x {self.height} pixels in {self.rows} rows and "
                f"{self.columns} columns"
            )
        left, top, right, bottom = self.covers
        if not (left < right and top < bottom and all(map(math.isfinite, self.covers))):
            raise ValueError(f"a region has a size; got {self.region}")
        if self.order and sorted(self.order) != list(range(self.rows * self.columns)):
            raise ValueError(f"an order has each of {self.rows * self.columns} patches once; got {self.order[:9]} ...")

    @property
    def covers(self) -> tuple[float, float, float, float]:
        """The pixels that the patches cover together: the region, or the whole picture."""
        return (0.0, 0.0, float(self.width), float(self.height)) if self.region is None else self.region

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Row and column, from 1: 2,3."""
        cells = [divmod(number, self.columns) for number in self._numbers]
        return (*self.first, *[f"{row + 1},{column + 1}" for row, column in cells], *self.last)

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """The places that are no patch of the picture."""
        outside = [self._box(number) is None for number in self._numbers]
        return (*[True] * len(self.first), *outside, *[True] * len(self.last))

    def stands_for(self, place: int) -> Box | None:
        number = range(len(self.labels))[place] - len(self.first)
        return self._box(self._numbers[number]) if 0 <= number < len(self._numbers) else None

    @cached_property
    def _numbers(self) -> tuple[int, ...]:
        """The patch at each place, by its number row by row."""
        return self.order or tuple(range(self.rows * self.columns))

    def _box(self, number: int) -> Box | None:
        """What a patch covers of the picture."""
        row, column = divmod(number, self.columns)
        left, top, right, bottom = self.covers
        across, down = (right - left) / self.columns, (bottom - top) / self.rows
        found = Box(
            max(left + column * across, 0.0), max(top + row * down, 0.0),
            min(left + (column + 1) * across, float(self.width)), min(top + (row + 1) * down, float(self.height)),
        )  # fmt: skip
        return found if found.left < found.right and found.top < found.bottom else None


@dataclass(frozen=True)
class Levels(Wordless):
    """The places of a picture on several levels of features: one grid after the other, the finest first.

    Raises `ValueError` for no grid.

    >>> axis = Levels((Patches(64, 32, rows=2, columns=4), Patches(64, 32, rows=1, columns=2)))
    >>> axis.labels[9], axis.stands_for(9)
    ('level 2: 1,2', Box(left=32.0, top=0.0, right=64.0, bottom=32.0))
    """

    grids: tuple[Patches, ...]
    unit = "patch"

    def __post_init__(self) -> None:
        if not self.grids:
            raise ValueError("a picture is read on one level at least")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Level, row and column, from 1: level 2: 1,3."""
        return tuple(f"level {at}: {label}" for at, grid in enumerate(self.grids, 1) for label in grid.labels)

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """The places that are no patch of the picture."""
        return tuple(one for grid in self.grids for one in grid.special)

    def stands_for(self, place: int) -> Box | None:
        number = range(len(self.labels))[place]
        for grid in self.grids:
            if number < len(grid):
                return grid.stands_for(number)
            number -= len(grid)
        raise AssertionError(place)

    def level(self, number: int) -> slice:
        """The places of a level, counted from 0."""
        first = sum(map(len, self.grids[:number]))
        return slice(first, first + len(self.grids[number]))
