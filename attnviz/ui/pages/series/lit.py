"""Which map of a run is shown, which steps each of its places stands for, and which queries were not computed."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.figures.paint.shades import shares_of
from attnviz.threads import cached_property
from attnviz.ui.pages.series.foreign import Foreign
from attnviz.ui.pages.series.run import Asked, Head, Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from attnviz.axes import Axis
    from attnviz.trace import Trace

FINEST = 128  # rows and columns of a small map
MARKS = {"cross": "c", "encoder": "e", "decoder": "d"}


@dataclass(frozen=True, eq=False)
class Map:
    """One map of a run. `asks` and `cells` are the steps `[from, to)` of its queries and keys, counted from the first
    that is drawn, None for a place that is no stretch of the series; `letter` and `base` name its heads in a link.
    """

    trace: Trace
    asks: tuple[Stretch | None, ...]
    cells: tuple[Stretch | None, ...]
    letter: str = ""
    base: int = 0

    @property
    def heads(self) -> list[tuple[int, int]]:
        """Every layer and head of it, by the layer's number in the trace."""
        return [
            (layer, head) for layer in self.trace.open_layers for head in range(self.trace.attention(layer).n_heads)
        ]

    def named(self, number: int) -> Head:
        """The head of a number from 1 on, as a link and a change name it."""
        layer, head = self.heads[number - 1]
        return (self.letter, self.base + layer, head) if self.letter else (layer, head)

    def weights(self, number: int) -> Tensor:
        """The mean of all heads (0), each row over those that computed it, or one of them from 1 on `[query, key]`."""
        if number:
            return self.trace.weights(*self.heads[number - 1])
        import torch

        every = torch.stack([self.trace.weights(*one) for one in self.heads])
        computed = torch.stack([self.computed(n + 1) for n in range(len(self.heads))]).sum(0).clamp_min(1)
        return every.sum(0) / computed[:, None]

    def computed(self, number: int) -> Tensor:
        """Which queries a head computed `[query]`; of the mean of all heads, those that any did."""
        import torch

        layer, head = self.heads[max(0, number - 1)]
        if not number:
            return torch.stack([self.computed(n + 1) for n in range(len(self.heads))]).any(0)
        allowed = self.trace.attention(layer).allowed
        if allowed is None:
            return torch.ones(len(self.asks), dtype=torch.bool)
        looks = allowed.any(-1)
        looks = looks[head if len(looks) > 1 else 0] if looks.ndim > 1 else looks
        return looks.expand(len(self.asks))

    @cached_property
    def rows(self) -> list[int]:
        """The queries that are stretches of the series."""
        return [number for number, one in enumerate(self.asks) if one is not None]

    @cached_property
    def columns(self) -> list[int]:
        """The keys that are stretches of the series."""
        return [number for number, one in enumerate(self.cells) if one is not None]

    def query(self, row: int) -> int:
        """The place of a row that is drawn, the last where there are fewer."""
        return self.rows[min(row, len(self.rows) - 1)]

    def drawn(self, number: int) -> NDArray[np.float32]:
        """The weights of the queries and keys that can be drawn."""
        found: NDArray[np.float32] = self.weights(number).float().numpy()[np.ix_(self.rows, self.columns)]
        return found

    @property
    def edges(self) -> list[list[float]]:
        """Where each column is drawn, from and to: stretches that overlap part what they share."""
        spans = [one for one in self.cells if one is not None]
        middles = [(one[1] + other[0]) / 2 for one, other in pairwise(spans)]
        return [list(pair) for pair in pairwise([spans[0][0], *middles, spans[-1][1]])]


def shown(asked: Asked, trace: Trace) -> Map:
    """The map of a part of a run, with the steps of its places."""
    past, ahead = len(asked.window.values), len(asked.window.came)
    if not isinstance(asked, Foreign):
        coming = tuple((past + n, past + n + 1) for n in range(ahead))
        return Map(trace, coming, tuple((n, n + 1) for n in range(past)))
    side, _, number = trace.part.partition(" ")
    letter, base = ("s", 0) if asked.facts.patch else (MARKS[side], int(number or 1) - 1)
    return Map(trace, _steps(trace.queries, asked.lead), _steps(trace.keys, asked.lead), letter, base)


def _steps(axis: Axis, lead: int) -> tuple[Stretch | None, ...]:
    """The steps of each place, counted from the first that is drawn."""
    from attnviz.axes import Rows

    found = [axis.stands_for(place) for place in range(len(axis))]
    return tuple((one.start - lead, one.end - lead) if isinstance(one, Rows) else None for one in found)


def tile(one: Map, number: int) -> dict[str, Any]:
    """A head small: each row over its largest weight, or over four times an even one; of many, the largest of some."""
    shares = _coarse(shares_of(one.drawn(number)))
    sent = b64encode(np.rint(255 * shares).astype(np.uint8).tobytes()).decode()
    return {"shares": sent, "wide": shares.shape[1], "high": shares.shape[0]}


def _coarse(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most so many rows and columns, each the largest of those that it stands for."""
    for side in (0, 1):
        each = -(-shares.shape[side] // FINEST)
        if each > 1:
            shares = np.maximum.reduceat(shares, np.arange(0, shares.shape[side], each), axis=side)
    return shares
