"""The past that a forecast begins from, and what is changed of it before a model reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Moments
from attnviz.errors import AttnvizError
from attnviz.systems.series.clock import Clock
from attnviz.systems.series.network import Given


@dataclass(frozen=True)
class Scale:
    """How a series' own numbers become those that a network works on: ln(1 + x), or (x - middle) / spread.

    >>> round(float(Scale(log=True).back(Scale(log=True).to(torch.tensor(99.0)))), 3)
    99.0
    """

    log: bool = False
    middle: float = 0.0
    spread: float = 1.0

    def to(self, values: Tensor) -> Tensor:
        """As the network has them."""
        return values.clamp_min(0.0).log1p() if self.log else (values - self.middle) / self.spread

    def back(self, values: Tensor) -> Tensor:
        """As people have them."""
        return values.expm1().clamp_min(0.0) if self.log else values * self.spread + self.middle


@dataclass(frozen=True, eq=False)
class Window:
    """Some steps of a series in its own unit, NaN where nothing was measured; the forecast begins after the last.

    `first` is the number of the first step by the `clock`; `beside` is what is known of each past step beside its
    value, None for nothing; `came` is what came after, NaN where that is not known.
    """

    clock: Clock
    first: int
    values: Float[Tensor, " past"]
    came: Float[Tensor, " ahead"]
    beside: Float[Tensor, "past known"] | None = None

    @property
    def keys(self) -> Moments:
        """The past as a side of a map."""
        return self.clock.axis(self.first, len(self.values))

    @property
    def queries(self) -> Moments:
        """What comes as a side of a map."""
        return self.clock.axis(self.first + len(self.values), len(self.came))

    def without(self, first: int, last: int) -> Window:
        """The same as if the past steps `[first, last)` had never been measured; out of range counts to the end."""
        values = self.values.clone()
        values[max(0, first) : max(0, last)] = torch.nan
        return replace(self, values=values)

    def with_value(self, place: int, value: float) -> Window:
        """The same with another value at a past step. Raises `AttnvizError` for a step or a value that cannot be."""
        if not -len(self.values) <= place < len(self.values):
            raise AttnvizError("no_such_key", number=place, last=len(self.values) - 1)
        if not math.isfinite(value):
            raise AttnvizError("series_value")
        values = self.values.clone()
        values[place] = value
        return replace(self, values=values)

    def given(self, scale: Scale, known: int) -> Given:
        """What a network is given of it, as a batch of one. Raises `AttnvizError` where no step of the past is seen."""
        seen = ~self.values.isnan()
        if not bool(seen.any()):
            raise AttnvizError("series_nothing_seen", steps=len(seen))
        past, ahead = len(self.values), len(self.came)
        beside = torch.zeros(past, known) if self.beside is None else self.beside
        return Given(
            scale.to(self.values).nan_to_num(0.0)[None], seen[None], beside[None],
            self.clock.seasons(self.first, past)[None], self.clock.seasons(self.first + past, ahead)[None],
        )  # fmt: skip
