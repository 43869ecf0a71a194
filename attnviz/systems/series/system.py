"""Forecasts of a series: the next steps with an interval, and which past steps each of them looks at.

system = av.load("air-beijing")
trace = system.read("2014-02-20 08:00")    # the 24 hours from then on, from the three days before
trace.weights(1, 0)[5]                     # whom 13:00 looks at, in head 0 of the last layer
trace.map("encoder")                       # what the hours of the past look at themselves
system.forecast("2014-02-20 08:00").values # quantiles 0.1, 0.5, 0.9 of each hour, in micrograms per cubic metre

The network stands in `network.py`, `text.py` reads a table that a person brings, `learn.py` trains on it.
``air-beijing-even`` is the same network trained without attention: every hour takes the mean of the past.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz import shipped
from attnviz.core.attention import Attention
from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ArgumentError, ModelError, TextError, shown
from attnviz.systems.series import NAMES
from attnviz.systems.series.air import FILE, Air
from attnviz.systems.series.clock import LONG, SEASONS
from attnviz.systems.series.network import Forecaster, Shape, Way
from attnviz.systems.series.window import Scale, Window
from attnviz.trace import Trace

__all__ = ["NAMES", "Forecast", "System", "load"]
MOST_LAYERS = 99


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a model says of a window: quantiles 0.1, 0.5 and 0.9 of each coming step in the series' own unit.

    Of a model that says one number a step the others are NaN.
    """

    window: Window
    values: Float[Tensor, "ahead 3"]
    trace: Trace

    @property
    def error(self) -> float:
        """The mean absolute error of the median against what came, NaN where nothing of it is known."""
        return float((self.values[:, 1] - self.window.came).abs().nanmean())

    @property
    def has_interval(self) -> bool:
        """Does the model give an interval?"""
        return not bool(self.values[:, 0].isnan().any())

    @property
    def inside(self) -> tuple[int, int]:
        """How many of the steps that are known lie in the interval, and how many are known."""
        low, _, high = self.values.unbind(-1)
        known = ~self.window.came.isnan()
        return int(((low <= self.window.came) & (self.window.came <= high)).sum()), int(known.sum())


@dataclass(frozen=True, eq=False)
class System:
    """A trained forecaster; `air` are the hours that it can be asked about by date, None where it has none.

    `step` is what one step was in its training, as a unit and so many of it; None where nobody knows.
    """

    name: str
    network: Forecaster
    scale: Scale
    air: Air | None = None
    licence: str | None = None
    step: tuple[str, int] | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    def window(self, text: str) -> Window:
        """The three days before the moment that a text names, and what came after.

        Raises `TextError` for a text that names no moment, or one that is not among the hours kept.
        """
        if self.air is None:
            raise ArgumentError("series_window", got=shown(text))
        past, ahead = self.network.shape.past, self.network.shape.ahead
        clock, last = self.air.clock, len(self.air) - ahead
        at = clock.number(moment_of(text))
        if not past <= at <= last:
            first, end = (f"{clock.at(one):%Y-%m-%d %H:%M}" for one in (past, last))
            raise TextError("series_moment_outside", first=first, last=end)
        cut = slice(at - past, at)
        return Window(clock, at - past, self.air.dust[cut], self.air.dust[at : at + ahead], self.air.beside()[cut])

    def read(self, text: str | Window, *, rule: Rule | None = None, changes: Sequence[Intervention] = ()) -> Trace:
        """Which past steps does each coming one look at?

        A moment as text ("2014-02-20 08:00") for the hours that the system keeps, or a `Window`. The trace's part is
        "cross": queries are the coming steps, keys the past ones; "encoder" and "decoder" are the other maps. The rule
        acts in all three. Nobody may look at a step that was not measured. Raises `TextError` for a text that names no
        moment, `AttnvizError` for a window in which nothing was measured.

        >>> load("air-beijing").read("2014-02-20 08:00").tokens[0]
        '02-20 08:00'
        """
        return self.forecast(text, rule=rule, changes=changes).trace

    def forecast(
        self, text: str | Window, *, rule: Rule | None = None, changes: Sequence[Intervention] = ()
    ) -> Forecast:
        """What comes, and the trace of how it was found; takes and raises what `read` does."""
        if not isinstance(text, str | Window):
            raise ArgumentError("series_window", got=shown(text))
        window, way = self.window(text) if isinstance(text, str) else text, Way(rule or Soft(), changes)
        self._check(window)
        with torch.inference_mode():
            found, states = self.network(window.given(self.scale, self.network.shape.beside), way)
        values = self.scale.back(found[0])
        return Forecast(window, values, self._trace(window, way, states[0]))

    def _check(self, window: Window) -> None:
        """Refuse a window of another size. Raises `ArgumentError`."""
        shape = self.network.shape
        if (len(window.values), len(window.came)) != (shape.past, shape.ahead):
            raise ArgumentError("series_size", past=shape.past, ahead=shape.ahead, got=len(window.values))

    def _trace(self, window: Window, way: Way, states: Tensor) -> Trace:
        """What has been recorded."""
        past, ahead = window.keys, window.queries
        said = {"model": self.name, "kind": "series", "rule": way.rule}
        others = {
            part: Trace(axis, axis, _alone(way.calls[part]), part=part, **said, changes=_of(way, part))  # type: ignore[arg-type]
            for part, axis in (("encoder", past), ("decoder", ahead))
        }  # fmt: skip
        return Trace(
            ahead, past, _alone(way.calls["cross"]), part="cross", others=others, outputs=states,
            changes=_of(way, "cross"), **said,  # type: ignore[arg-type]
        )  # fmt: skip


def _of(way: Way, part: str) -> tuple[Intervention, ...]:
    """The changes of one map."""
    return tuple(one for one in way.changes if one.meant(part))


def _alone(calls: Sequence[Attention]) -> tuple[Attention, ...]:
    """Calls of a batch of one, without the batch."""
    return tuple(
        replace(
            one, queries=one.queries[0], keys=one.keys[0], values=one.values[0],
            allowed=None if one.allowed is None else one.allowed[0],
        )
        for one in calls
    )  # fmt: skip


def moment_of(text: str) -> datetime:
    """The moment that a text names. Raises `TextError` for a text that names none.

    >>> moment_of("2014-02-20 8:00")
    datetime.datetime(2014, 2, 20, 8, 0)
    """
    if not text.strip():
        raise TextError("text_empty")
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    raise TextError("series_moment", text=shown(text))


def load(name: str) -> System:
    """One of the models of `NAMES`, loaded once, or one that was saved to a folder (`files.save`).

    Raises `ModelError` where there is none, or one that does not fit its own numbers.
    """
    return _shipped(name) if name in NAMES else _opened(name)


@cache
def _shipped(name: str) -> System:
    return _opened(name)


def _opened(name: str) -> System:
    place = shipped.folder(name)
    with shipped.damaged(place):
        config = shipped.config(place)
        shape, scale = Shape(**config["shape"]), Scale(**config["scale"])
        weights = shipped.tensors(place)
        _check(shape, scale, weights)
        network = Forecaster(shape)
        network.load_state_dict(weights)
        step, air = config.get("step"), _air(place, config.get("start"))
        return System(
            name, network.eval().requires_grad_(False), scale, air, shipped.licence(place),
            (str(step[0]), int(step[1])) if step and step[0] in LONG else None,
        )  # fmt: skip


def _check(shape: Shape, scale: Scale, weights: Mapping[str, Tensor]) -> None:
    """Refuse sizes that no forecaster has, or that are not those of its weights. Raises `ValueError`."""
    sizes = (shape.past, shape.ahead, shape.width, shape.heads, shape.layers)
    if min(sizes) < 1 or shape.layers > MOST_LAYERS or shape.width % shape.heads or shape.seasons != SEASONS:
        raise ValueError(f"shape: {shape}")
    asked = {
        "lags": (shape.past, shape.width), "leads": (shape.ahead, shape.width),
        "past.weight": (shape.width, 3 + shape.beside + shape.seasons),
        "encoder.0.1.layers.0.weight": (shape.inner, shape.width),
    }  # fmt: skip
    for name, size in asked.items():
        if tuple(weights[name].shape) != size:
            raise ValueError(f"{name}: {tuple(weights[name].shape)}, not {size}")
    if not (math.isfinite(scale.middle) and math.isfinite(scale.spread) and scale.spread > 0):
        raise ValueError(f"scale: {scale}")


def _air(place: Path, start: str | None) -> Air | None:
    """The hours of a folder, or those beside it, which both models are asked about; None where it is of other steps.

    Raises `ModelError` where they are missing.
    """
    if start is None:
        return None
    file = next((one for one in (place / FILE, place.parent / NAMES[0] / FILE) if one.is_file()), None)
    if file is None:
        raise ModelError("no_weights", model=place)
    return Air.stored(file, start)
