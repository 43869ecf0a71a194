"""A picture as a vision model reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from attnviz.axes.axis import Box, Wordless, check_special


@dataclass(frozen=True)
class Patches(Wordless):
    """The patches of a picture `width` x `height` pixels large, `rows` x `columns` of them, row by row.

    `first` and `last` name the special places before and after them: a class token, registers. Raises `ValueError`
    for a picture or a grid of no size.

    >>> Patches(64, 32, rows=2, columns=4, first=("[CLS]",)).stands_for(1)
    Box(left=0.0, top=0.0, right=16.0, bottom=16.0)
    """

    width: int
    height: int
    rows: int
    columns: int
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    unit = "patch"

    def __post_init__(self) -> None:
        check_special(self.first)
        check_special(self.last)
        if min(self.width, self.height, self.rows, self.columns) < 1:
            raise ValueError(
                f"a picture and its grid have a size; got {self.width} x {self.height} pixels in {self.rows} rows and "
                f"{self.columns} columns"
            )

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Row and column, from 1: 2,3."""
        grid = [f"{row},{column}" for row in range(1, self.rows + 1) for column in range(1, self.columns + 1)]
        return (*self.first, *grid, *self.last)

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """The places that are no patch."""
        return (True,) * len(self.first) + (False,) * (self.rows * self.columns) + (True,) * len(self.last)

    def stands_for(self, place: int) -> Box | None:
        if self.special[place]:
            return None
        row, column = divmod(place % len(self.labels) - len(self.first), self.columns)
        across, down = self.width / self.columns, self.height / self.rows
        return Box(column * across, row * down, (column + 1) * across, (row + 1) * down)
