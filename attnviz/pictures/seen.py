"""A picture as one model reads it, its patches in their places or in others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.axes import Patches
from attnviz.core.given import whole, wholes
from attnviz.errors import AttnvizError
from attnviz.pictures.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model is given of a picture: `values` `[colour, row, column]`, scaled, cropped and normalised.

    `axis` says where each patch lies on the picture; `patch` is how many rows and columns of `values` one has. `record`
    takes it in place of the picture, so that it can be changed before: `shuffled`, `without`.

    >>> import attnviz as av, numpy as np
    >>> from attnviz.axes import Patches
    >>> seen = Seen(av.Picture(np.zeros((4, 8, 3), "uint8")), np.zeros((3, 4, 8)), Patches(8, 4, 1, 2), (4, 4))
    >>> seen.shuffled(seed=3).axis.order
    (1, 0)
    """

    picture: Picture
    values: NDArray[np.float32]
    axis: Patches
    patch: tuple[int, int]

    def __post_init__(self) -> None:
        own = np.array(self.values, np.float32)
        own.flags.writeable = False
        object.__setattr__(self, "values", own)

    def shuffled(self, seed: int = 0) -> Seen:
        """The same patches in other places, which a seed chooses: what does a model make of them without their order?

        The axis goes with them: a place stands for what lies there now. Patches that lie outside the picture are
        shuffled too.
        """
        found = np.random.default_rng(whole("seed", seed)).permutation(self.axis.rows * self.axis.columns)
        return self.placed(found.tolist())

    def placed(self, order: Iterable[int]) -> Seen:
        """The same patches in this order: at each place, row by row, the number of one. Raises `ValueError`."""
        numbers = tuple(int(one) for one in order)
        before = self.axis.order or tuple(range(len(numbers)))
        axis = replace(self.axis, order=tuple(before[one] for one in numbers))  # checks that each is there once
        cells = self._cells()
        moved = [cells[one] for one in numbers]
        return replace(self, values=self._joined(moved), axis=axis)

    def without(self, places: Iterable[int]) -> Seen:
        """The same with some places of the axis covered: their pixels are 0, the mean colour of what it was trained on.

        A model that reads them then knows nothing of what was there. (`HideToken` hides a place from the others, and
        leaves what is there in the mean of all patches, where a model takes that.) Raises `AttnvizError` for a place
        that the axis does not have, or that is no patch.
        """
        values = self.values.copy()
        for place in wholes("places", places):
            values[:, *self.cut(place)] = 0.0
        return replace(self, values=values)

    def cut(self, place: int) -> tuple[slice, slice]:
        """The rows and columns of `values` that a place of the axis stands for; raises what `without` does.

        The last ones of a grid that reaches beyond the values have fewer.
        """
        if not 0 <= place < len(self.axis):
            raise AttnvizError("no_such_position", number=place, last=len(self.axis) - 1)
        first = len(self.axis.first)
        if not first <= place < first + self.axis.rows * self.axis.columns:
            raise AttnvizError("no_patch", place=place, name=self.axis.labels[place])
        (high, wide), (row, column) = self.patch, divmod(place - first, self.axis.columns)
        return slice(row * high, (row + 1) * high), slice(column * wide, (column + 1) * wide)

    def _cells(self) -> list[NDArray[Any]]:
        """The pixels of each patch, row by row; those that fill up the last row and column are 0."""
        (high, wide), rows, columns = self.patch, self.axis.rows, self.axis.columns
        whole = self._filled()
        return [
            whole[:, row * high : (row + 1) * high, column * wide : (column + 1) * wide]
            for row in range(rows)
            for column in range(columns)
        ]

    def _filled(self) -> NDArray[Any]:
        """The values on all of the grid's pixels."""
        (high, wide), (rows, columns) = self.patch, self.values.shape[1:]
        more = max(self.axis.rows * high - rows, 0), max(self.axis.columns * wide - columns, 0)
        return np.pad(self.values, ((0, 0), (0, more[0]), (0, more[1])))

    def _joined(self, cells: list[NDArray[Any]]) -> NDArray[np.float32]:
        """Patches put together; what lies beside them, as some models leave it out, stays."""
        rows, columns = self.axis.rows, self.axis.columns
        grid = np.concatenate(
            [np.concatenate(cells[row * columns : (row + 1) * columns], axis=2) for row in range(rows)], axis=1
        )
        found = self._filled().copy()
        found[:, : grid.shape[1], : grid.shape[2]] = grid
        return found.astype(np.float32)
