"""What of a run lights up the sound: rows (words, letters, moments) over the places of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attnviz.axes import Axis, Frames
    from attnviz.trace import Trace

MOST = 400  # places of a picture side by side; of more frames several are one
Span = tuple[float, float]


@dataclass(frozen=True)
class Columns:
    """The places of the picture: when each is, which places of the axis it is made of, and where it lies in height.

    `heights` are from the lowest pitch (0) to the highest (1), () where each place has all pitches; `hertz` says them.
    `each` frames are one place. `first` and `filled` are the places of the axis that are no sound: those before it, and
    what a model fills its window up with.
    """

    seconds: tuple[Span, ...]
    places: tuple[tuple[int, ...], ...]
    heights: tuple[Span, ...] = ()
    hertz: tuple[Span, ...] = ()
    each: int = 1
    first: tuple[int, ...] = ()
    filled: tuple[int, ...] = ()

    @property
    def names(self) -> list[str]:
        """What each place is called."""
        times = [f"{sum(one) / 2:.2f} s" for one in self.seconds]
        if not self.hertz:
            return times
        return [f"{time}, {low:.0f}–{high:.0f} Hz" for time, (low, high) in zip(times, self.hertz, strict=True)]

    @property
    def axis(self) -> Frames:
        """The places as stretches of time."""
        from attnviz.axes import Frames

        return Frames(self.seconds)

    @property
    def across(self) -> int:
        """How many places are side by side: those of one band."""
        return len(self.seconds) if not self.heights else sum(one == self.heights[0] for one in self.heights)

    def by_time(self, row: NDArray[np.float32]) -> tuple[list[float], list[Span]]:
        """The weight of each stretch of time, whatever its pitch."""
        found: dict[Span, float] = {}
        for span, weight in zip(self.seconds, np.nan_to_num(row).tolist(), strict=True):
            found[span] = found.get(span, 0.0) + weight
        return list(found.values()), list(found)


def columns_of(axis: Axis, heights: Sequence[Span] = ()) -> Columns:
    """The places of a picture of an axis; `heights` are those of its rows of patches."""
    from attnviz.axes import Bands

    count = len(getattr(axis, "first", ()))
    first = tuple(range(count))
    real = [place for place in range(count, len(axis)) if not axis.special[place]]
    filled = tuple(place for place in range(count, len(axis)) if axis.special[place])
    each = 1 if heights else max(1, ceil(len(real) / MOST))
    groups = [tuple(real[start : start + each]) for start in range(0, len(real), each)]
    spans = tuple((_seconds(axis, one[0])[0], _seconds(axis, one[-1])[1]) for one in groups)
    if not heights or not isinstance(axis, Bands):
        return Columns(spans, tuple(groups), (), (), each, first, filled)
    high = tuple(heights[(place - count) // len(axis.seconds)] for place in real)
    hertz = tuple(axis.band(place) or (0.0, 0.0) for place in real)
    return Columns(spans, tuple(groups), high, hertz, each, first, filled)


def _seconds(axis: Axis, place: int) -> Span:
    """When a place of the sound begins and ends."""
    found: Any = axis.stands_for(place)
    return float(found.start), float(found.end)


@dataclass(frozen=True)
class Row:
    """One row that is shown: a word, letter or moment, the mean of these rows of the map; `special`: no word."""

    text: str
    places: tuple[int, ...]
    special: bool = False


@dataclass(frozen=True)
class View:
    """Which map is lit, `trace`, and how: its rows over the places of the picture. `name`: "words" or "moments".

    Of `count` words these rows are the first, 0 where all are there.
    """

    name: str
    trace: Trace
    rows: tuple[Row, ...]
    columns: Columns
    count: int = 0

    @property
    def part(self) -> str:
        """The name of the map."""
        return self.trace.part


@dataclass(frozen=True)
class Map:
    """One map `[row, place]`: NaN where a row may not listen; and which head it is of, or a mean of which.

    `first` and `filled` `[row]` are the weights on places that are no sound: those before it, what fills it up.
    """

    weights: NDArray[np.float32]
    layer: int
    head: int
    mean: str
    first: NDArray[np.float32]
    filled: NDArray[np.float32]


def chosen(view: View, mean: str, layer: int, head: int) -> Map:
    """One head, the mean of a layer's heads, or that of all."""
    if mean == "head":
        whole = open_weights(view.trace, layer, head)
    elif mean == "layer":
        whole = open_weights(view.trace, layer).mean(0)
    else:
        whole = np.mean([open_weights(view.trace, one).mean(0) for one in view.trace.open_layers], axis=0)
    rows = by_rows(whole, view.rows)
    first, filled = (np.nan_to_num(rows[:, list(one)]).sum(-1) for one in (view.columns.first, view.columns.filled))
    return Map(by_columns(rows, view.columns), layer, head, mean, first, filled)


def open_weights(trace: Trace, layer: int, head: int | None = None) -> NDArray[np.float32]:
    """Weights `[head, query, key]`, or one head's, NaN where listening is not allowed."""
    found: NDArray[np.float32] = trace.attention(layer, head).open_weights.float().numpy()
    return found


def by_rows(weights: NDArray[np.float32], rows: Sequence[Row]) -> NDArray[np.float32]:
    """The mean of the rows of the map that each row shown is made of, `[..., row, key]`."""
    if all(len(one.places) == 1 for one in rows):
        return weights[..., [one.places[0] for one in rows], :]
    return np.stack([weights[..., one.places[0] : one.places[-1] + 1, :].mean(-2) for one in rows], axis=-2)


def by_columns(weights: NDArray[np.float32], columns: Columns) -> NDArray[np.float32]:
    """The sum of the keys that each place of the picture is made of, `[..., row, place]`."""
    real = weights[..., [place for one in columns.places for place in one]]
    if columns.each == 1:
        return real
    found: NDArray[np.float32] = np.add.reduceat(real, range(0, real.shape[-1], columns.each), axis=-1)
    return found
