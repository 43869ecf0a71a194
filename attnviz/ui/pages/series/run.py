"""What the page on time series computes with: the built-in model or one trained here, a window, changes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from attnviz import shipped
from attnviz.ui.kit import RuleChoice, as_rule, runs

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.systems.series.columns import Table
    from attnviz.systems.series.heads import Habit
    from attnviz.systems.series.learn import Task
    from attnviz.systems.series.series import Series
    from attnviz.systems.series.system import Forecast, System
    from attnviz.systems.series.window import Window
    from attnviz.trace import Trace

MODEL, EVEN_MODEL = "air-beijing", "air-beijing-even"
SAMPLES = ("sunspots", "co2")
GONE = {"": (0, 0), "last": (1, 0), "half": (12, 0), "day": (24, 0), "before": (48, 24)}  # steps before the forecast
DUST = 98.6  # micrograms: the mean of what the built-in model learnt from; other series are brought to it
Head = tuple[int, int]


@dataclass(frozen=True)
class Changes:
    """What is changed of a run: the rule, heads without effect, past steps `[from, to)` before the forecast taken away,
    and another value `spike` at the step `at` before it (0: none).
    """

    rule: RuleChoice
    off: tuple[Head, ...] = ()
    gone: tuple[int, int] = (0, 0)
    at: int = 0
    spike: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A model with a window of a series; `unit` is what its numbers are counted in, `factor` what it was multiplied by
    for the model."""

    system: System
    window: Window
    unit: str = ""
    factor: float = 1.0


@cache  # one model with a year of hours: 1 MB
def air() -> System:
    """The built-in model, loaded once."""
    from attnviz.systems.series.system import load

    return load(MODEL)


def asked_air(moment: str) -> Asked:
    """The built-in model asked about a moment of the held-out year. Raises `TextError`."""
    system = air()
    return Asked(system, system.window(moment), "µg/m³")


def span() -> tuple[str, str]:
    """The first and the last moment at which a forecast can begin."""
    system = air()
    assert system.air is not None
    shape, clock = system.network.shape, system.air.clock
    return str(clock.at(shape.past))[:16], str(clock.at(len(system.air) - shape.ahead))[:16]


def sample_text(name: str) -> bytes:
    """A table that comes with the page."""
    return files("attnviz.systems.series").joinpath("samples", f"{name}.csv").read_bytes()


def mark(content: bytes) -> str:
    """The fingerprint by which a store knows a file."""
    return hashlib.sha256(content).hexdigest()[:20]


@runs.kept
def table(fingerprint: str, _content: bytes) -> Table:
    """A file as a table. Raises `TextError`."""
    from attnviz.systems.series.series import table_of
    from attnviz.systems.series.text import decoded

    return table_of(decoded(_content))


@runs.kept
def series(fingerprint: str, value: int, time: int | None, _table: Table) -> Series:
    """A column of a table over its times. Raises `TextError`."""
    from attnviz.systems.series.series import series_of

    return series_of(_table, value, time)


def hourly(found: Series) -> bool:
    """Can the built-in model forecast it: an hour a step, nothing below 0, and as long as what it reads?"""
    known = found.values[~found.values.isnan()]
    past = air().network.shape.past
    return found.clock.seconds == 3600 and float(known.min()) >= 0 and len(found) >= past


def asked_built_in(found: Series, start: int) -> Asked:
    """The built-in model on hours of another series, brought to the size that it knows, without any weather."""
    from attnviz.systems.series.window import Window

    system = air()
    past, ahead = system.network.shape.past, system.network.shape.ahead
    values = found.values[start - past : start]
    known = values[~values.isnan()]
    factor = DUST / max(float(known.mean()), 1e-9) if len(known) else 1.0
    came = values.new_full((ahead,), math.nan)
    rest = found.values[start : start + ahead]
    came[: len(rest)] = rest
    return Asked(system, Window(found.clock, start - past, values * factor, came * factor), "", factor)


def asked_own(system: System, task: Task, start: int) -> Asked:
    """A model trained here, at a step of its series."""
    return Asked(system, task.window(start))


def changed(asked: Asked, changes: Changes) -> Window:
    """The window as it is changed. Raises `AttnvizError`."""
    window, past = asked.window, len(asked.window.values)
    before, after = changes.gone
    if before:
        window = window.without(past - before, past - after)
    if changes.at:
        window = window.with_value(-min(changes.at, past), changes.spike * asked.factor)
    return window


def forecast(asked: Asked, changes: Changes) -> Forecast:
    """What comes, as it is asked for. Raises `AttnvizError`."""
    from attnviz.core.interventions import RemoveHeads

    taken = [RemoveHeads((head,), layers=(layer,), part="cross") for layer, head in changes.off]
    return asked.system.forecast(changed(asked, changes), rule=as_rule(changes.rule), changes=taken)


def maps(trace: Trace) -> list[Head]:
    """Every layer and head of the map from what comes to the past."""
    return [(layer, head) for layer in trace.open_layers for head in range(trace.attention(layer).n_heads)]


def weights_of(trace: Trace, number: int) -> Tensor:
    """The map that is shown: the mean of all heads (0), or one of them from 1 on `[ahead, past]`."""
    heads = maps(trace)
    if number:
        return trace.weights(*heads[number - 1])
    import torch

    return torch.stack([trace.weights(*one) for one in heads]).mean(0)


def habit_of(asked: Asked, trace: Trace, head: Head) -> Habit:
    """What a head looks back at in this window, by the one definition that the card has too."""
    from attnviz.systems.series.heads import habit

    system, window = asked.system, asked.window
    wind = None
    if system.air is not None and window.beside is not None:
        wind = system.air.wind[window.first : window.first + len(window.values)]
    allowed = trace.attention(head[0]).allowed
    seen = ~window.values.isnan() if allowed is None else allowed.reshape(-1, len(window.values))[0]
    return habit(trace.weights(*head), seen, wind)


def figures() -> dict[str, Any]:
    """What the card measured."""
    return shipped.figures(MODEL)


def heads_off(text: str) -> tuple[Head, ...]:
    """The heads taken away, from a link: 0.1-1.2."""
    pairs = (one.split(".") for one in text.split("-") if one)
    return tuple((int(layer), int(head)) for layer, head in pairs)
