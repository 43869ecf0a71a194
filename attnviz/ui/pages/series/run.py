"""What the page on time series computes with: a model, a window of a series, what is changed, and the training of a
model on a person's own series.
"""

from __future__ import annotations

import hashlib
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz import shipped
from attnviz.ui.kit import RuleChoice, Steps, as_rule, runs, style_now, t, work
from attnviz.ui.pages.series.words import value

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.systems.series.air import Air
    from attnviz.systems.series.columns import Table
    from attnviz.systems.series.heads import Habit
    from attnviz.systems.series.learn import Moment, Task
    from attnviz.systems.series.series import Series
    from attnviz.systems.series.system import Forecast, System
    from attnviz.systems.series.window import Window
    from attnviz.trace import Trace

KEY = "series."
MODEL = "air-beijing"
SAMPLES = ("sunspots", "co2")
GONE = {"": (0, 0), "last": (1, 0), "half": (12, 0), "day": (24, 0), "before": (48, 24)}  # steps before the forecast
DUST = 98.6  # micrograms: the mean of what the built-in model learnt from; other series are brought to it
Head = tuple[int | str, ...]  # layer and head; before them the letter of its map, of a model from elsewhere
Stretch = tuple[int, int]  # steps before the forecast: from so many before it up to so many


@dataclass(frozen=True)
class Changes:
    """What is changed of a run: the rule, heads without effect, past steps `[from, to)` before the forecast taken away
    (`gone` from the list, `hidden` by hand), and another value `spike` at the step `at` before it (0: none).
    """

    rule: RuleChoice
    off: tuple[Head, ...] = ()
    gone: Stretch = (0, 0)
    hidden: tuple[Stretch, ...] = ()
    at: int = 0
    spike: float = 0.0

    @property
    def taken(self) -> tuple[Stretch, ...]:
        """All that is taken away."""
        return (*([self.gone] if self.gone[0] else []), *self.hidden)


@dataclass(frozen=True, eq=False, kw_only=True)
class Asked(ABC):
    """A model with a window of a series; `unit` is what its numbers are counted in, `factor` what it was multiplied by
    for the model.
    """

    window: Window
    unit: str = ""
    factor: float = 1.0

    @abstractmethod
    def heads_off(self, text: str) -> tuple[Head, ...]:
        """The heads taken away, from a link, that the model has."""

    @abstractmethod
    def forecast(self, changes: Changes) -> Forecast:
        """What the model says will come, as it is asked for. Raises `AttnvizError`."""

    def changed(self, changes: Changes) -> Window:
        """The window as it is changed. Raises `AttnvizError`."""
        window, past = self.window, len(self.window.values)
        for before, after in changes.taken:
            window = window.without(past - before, past - after)
        if changes.at:
            window = window.with_value(-min(changes.at, past), changes.spike * self.factor)
        return window


@dataclass(frozen=True, eq=False, kw_only=True)
class Ours(Asked):
    """A model of ours: the built-in one, or one that was trained here."""

    system: System

    @property
    def mark(self) -> tuple[object, ...]:
        """What tells the model apart from others of its name, as one that is still being trained."""
        weights = (float(one.double().sum()) for one in self.system.network.parameters())
        return self.system.name, self.window.beside is None, *weights

    def heads_off(self, text: str) -> tuple[Head, ...]:
        """The heads taken away, from a link, that the model has."""
        shape = self.system.network.shape
        return tuple((n, h) for n, h in heads_off(text, 2) if int(n) < shape.layers and int(h) < shape.heads)

    def forecast(self, changes: Changes) -> Forecast:
        """What the model says will come, as it is asked for. Raises `AttnvizError`."""
        from attnviz.core.interventions import RemoveHeads

        taken = [RemoveHeads((int(head),), layers=(int(layer),), part="cross") for layer, head in changes.off]
        return self.system.forecast(self.changed(changes), rule=as_rule(changes.rule), changes=taken)

    def rest(self, changes: Changes, asked: tuple[int, str], tell: work.Tell, stop: work.Halted) -> Attributions:
        """Every way of reading the median of a coming step, held to what is forecast without each past one: `asked` are
        the step and what past ones are put to. Raises `AttnvizError`.
        """
        from attnviz.core.interventions import RemoveHeads
        from attnviz.experiments.reading.foreseen import SHOWN, foreseen_to_rest
        from attnviz.experiments.reading.pictured import Wanted

        step, held = asked
        taken = [RemoveHeads((int(head),), layers=(int(layer),), part="cross") for layer, head in changes.off]
        wanted = Wanted(None, step, [*SHOWN, held], as_rule(changes.rule), None, taken, tell, stop)
        return foreseen_to_rest(self.system, self.changed(changes), wanted)


@cache  # one model with a year of hours: 1 MB
def air() -> System:
    """The built-in model, loaded once."""
    from attnviz.systems.series.system import load

    return load(MODEL)


def asked_air(system: System, moment: str) -> Ours:
    """A model of ours asked about a moment of the held-out year. Raises `TextError`."""
    return Ours(system=system, window=system.window(moment), unit="µg/m³")


def hours() -> Air:
    """The hours of Beijing's air that come with the page."""
    found = air().air
    assert found is not None
    return found


def span(past: int, ahead: int) -> Stretch:
    """The first and the last hour at which a forecast can begin. Raises `SeriesError` where so much is not there."""
    from attnviz.errors import SeriesError

    if (last := len(hours()) - ahead) < past:
        raise SeriesError("series_rows_few", rows=last, least=past)
    return past, last


def start_of(moment: str, past: int, ahead: int) -> int:
    """The hour that a text names. Raises `TextError` for one that is not among those at which a forecast can begin."""
    from attnviz.errors import TextError
    from attnviz.systems.series.system import moment_of

    clock, (first, last) = hours().clock, span(past, ahead)
    at = clock.number(moment_of(moment))
    if not first <= at <= last:
        begin, end = (f"{clock.at(one):%Y-%m-%d %H:%M}" for one in (first, last))
        raise TextError("series_moment_outside", first=begin, last=end)
    return at


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
def series(fingerprint: str, value: int, column: int | None, least: int, _table: Table) -> Series:
    """A column of a table over its times, at least so many of which have a value. Raises `TextError`."""
    from attnviz.systems.series.series import series_of

    return series_of(_table, value, column, least)


def hourly(system: System, found: Series) -> bool:
    """Can a model of Beijing's air forecast it: an hour a step, nothing below 0, and as long as what it reads?"""
    known = found.values[~found.values.isnan()]
    past = system.network.shape.past
    return found.clock.seconds == 3600 and float(known.min()) >= 0 and len(found) >= past


def asked_built_in(system: System, found: Series, start: int) -> Ours:
    """A model of Beijing's air on hours of another series, brought to the size that it knows, without any weather."""
    from attnviz.systems.series.window import Window

    past, ahead = system.network.shape.past, system.network.shape.ahead
    values = found.values[start - past : start]
    known = values[~values.isnan()]
    factor = DUST / max(float(known.mean()), 1e-9) if len(known) else 1.0
    came = came_after(found.values, start, ahead)
    window = Window(found.clock, start - past, values * factor, came * factor)
    return Ours(system=system, window=window, factor=factor)


def came_after(values: Tensor, start: int, ahead: int) -> Tensor:
    """What came from a step on, NaN beyond the end."""
    found = values.new_full((ahead,), math.nan)
    rest = values[start : start + ahead]
    found[: len(rest)] = rest
    return found


def asked_folder(system: System, found: Series, start: int, unit: str = "") -> Ours:
    """A model of ours that was saved to a folder, asked what comes from a step on. Raises `SeriesError`."""
    from attnviz.errors import SeriesError
    from attnviz.systems.series.window import Window

    past, ahead = system.network.shape.past, system.network.shape.ahead
    if start < past:
        raise SeriesError("series_rows_few", rows=len(found), least=past)
    came = came_after(found.values, start, ahead)
    return Ours(
        system=system, window=Window(found.clock, start - past, found.values[start - past : start], came), unit=unit
    )


def asked_own(system: System, task: Task, start: int) -> Ours:
    """A model trained here, at a step of its series."""
    return Ours(system=system, window=task.window(start))


def habit_of(asked: Ours, trace: Trace, head: tuple[int, int]) -> Habit:
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


def heads_off(text: str, parts: int) -> tuple[Head, ...]:
    """The heads taken away, from a link: those named by so many parts, 0.1-1.2 or e.0.1.

    >>> heads_off("0.1-e.1.2", 2), heads_off("0.1-e.1.2", 3)
    (((0, 1),), (('e', 1, 2),))
    """
    found = [one.split(".") for one in text.split("-")]
    return tuple(tuple(int(n) if n.isdigit() else n for n in one) for one in found if len(one) == parts)


def stretches(text: str, past: int) -> tuple[Stretch, ...]:
    """The stretches hidden by hand, from a link, as far as they lie in so many past steps.

    >>> stretches("24-12.500-2", 72), stretches("5-9", 72)
    (((24, 12), (72, 2)), ())
    """
    pairs = [tuple(int(n) for n in one.split("-")) for one in text.split(".") if one]
    return tuple((min(first, past), last) for first, last in pairs if last < min(first, past))


PACE = 0.1  # seconds that a picture of a training is to be seen at least
BEFORE = 3  # windows of the past that a picture of a training shows beside what comes


class Course:
    """The training of one series: its button, how far it is, what it has so far."""

    def __init__(self, about: str, task: Task) -> None:
        self.task = task
        self.work = Steps(KEY + "training", about)
        self.work.buttons(t("series.train_again" if self.moment else "series.train"))
        self.bar = st.empty()

    @property
    def moment(self) -> Moment | None:
        """As far as it came; None before it began."""
        found: list[Moment] = self.work.found
        return found[-1] if found and found[-1].step else None

    def say(self) -> None:
        """How far the model has come, and how far off it is on what was held out."""
        from attnviz.systems.series.learn import STEPS, held_out

        if self.moment is None:
            st.caption(t("series.not_trained", past=self.task.past, ahead=self.task.ahead, period=self._period()))
            return
        found = held_out(self.task, self.moment.system)
        words = {
            "step": self.moment.step, "all": STEPS, "windows": found.windows, "mae": value(found.system),
            "last": value(found.last), "seasonal": value(found.seasonal), "period": self.task.period,
        }  # fmt: skip
        best = found.system <= min(one for one in (found.last, found.seasonal) if not math.isnan(one))
        st.markdown(t("series.trained_best" if best else "series.trained_behind", **words))
        st.caption(t("series.not_trained", past=self.task.past, ahead=self.task.ahead, period=self._period()))

    def _period(self) -> str:
        """The period that was found, in a few words."""
        return t("series.period", period=self.task.period) if self.task.period else t("series.period_none")

    def go_on(self, place: DeltaGenerator) -> None:
        """Train what is left, the forecast changing."""
        if not self.work.running:
            return
        from attnviz.systems.series.learn import FRAME, STEPS, training

        coming = islice(training(self.task), len(self.work.found), None)
        steps = [
            (t("series.training", step=n, all=STEPS), partial(next, coming)) for n in range(0, STEPS + 1, FRAME)
        ]  # fmt: skip
        for found in self.work.run(steps, self.bar):
            with place.container():
                _frame(self.task, found[-1])
            time.sleep(PACE)


def _frame(task: Task, moment: Moment) -> None:
    """The first forecast of the held-out part, as far as the training is."""
    from attnviz.figures.series import Frame, frame

    window = task.window(task.held)
    forecast = moment.system.forecast(window)
    first = max(0, task.held - BEFORE * task.ahead)
    drawn = Frame(task.series.values[first : task.held], window.came, forecast.values)
    off = value(forecast.error)
    st.html(frame(drawn, t("series.alt_frame", step=moment.step, off=off), style_now()))
    st.caption(t("series.watching", step=moment.step, loss="–" if math.isnan(moment.loss) else f"{moment.loss:.3f}",
                 off=off))  # fmt: skip
