"""Places taken together as units: which belong together, and their weights as one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.threads import cached_property


@dataclass(frozen=True)
class Units:
    """How places go together: `of` `[place]` names each place's unit, numbered by its first place.

    `labels` and `special` are `[unit]`; a special place is a unit of its own.

    >>> Units((0, 0, 1), ("unable", "[SEP]"), (False, True)).places
    [[0, 1], [2]]
    """

    of: tuple[int, ...]
    labels: tuple[str, ...]
    special: tuple[bool, ...]

    @cached_property
    def places(self) -> list[list[int]]:
        """The places of each unit."""
        found: list[list[int]] = [[] for _ in self.labels]
        for place, unit in enumerate(self.of):
            found[unit].append(place)
        return found

    @property
    def firsts(self) -> list[int]:
        """The first place of each unit."""
        return [places[0] for places in self.places]


def pooled(weights: Float[Tensor, "*head query key"], queries: Units, keys: Units) -> Float[Tensor, "*head unit other"]:
    """The same weights by unit: summed over a unit's keys, averaged over its queries, so that rows keep their sum.

    NaN marks a cell that is not allowed; a pair of units is not allowed only where all its cells are. Clark et al.
    2019, sec. 4.
    """
    hidden = weights.isnan()
    total = _summed(_summed(weights.nan_to_num(0.0), keys, -1), queries, -2)
    mean = total / _sizes(queries)[:, None]
    if not hidden.any():
        return mean.to(weights.dtype)
    seen = _summed(_summed(~hidden, keys, -1), queries, -2)
    return mean.masked_fill(seen == 0, torch.nan).to(weights.dtype)


def averaged(values: Float[Tensor, " query"], queries: Units) -> Float[Tensor, " unit"]:
    """A number of each query as one of each unit: the mean over its queries."""
    return (_summed(values, queries, -1) / _sizes(queries)).to(values.dtype)


def _summed(values: Tensor, units: Units, axis: int) -> Tensor:
    """The sum over each unit's places along one axis, float64."""
    shape = list(values.shape)
    shape[axis] = len(units.labels)
    return torch.zeros(shape, dtype=torch.float64).index_add_(axis, torch.tensor(units.of), values.double())


def _sizes(units: Units) -> Float[Tensor, " unit"]:
    """How many places each unit has."""
    return torch.tensor([len(places) for places in units.places], dtype=torch.float64)
