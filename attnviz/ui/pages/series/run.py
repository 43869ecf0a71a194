"""What the page on time series computes with and how it says it: a model, a window of a series, what is changed, words
for moments and numbers, and the training of a model on a person's own series.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz import shipped
from attnviz.ui.kit import RuleChoice, Steps, as_rule, language, runs, style_now, t

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.systems.series.clock import Clock
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
def series(fingerprint: str, value: int, column: int | None, _table: Table) -> Series:
    """A column of a table over its times. Raises `TextError`."""
    from attnviz.systems.series.series import series_of

    return series_of(_table, value, column)


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


NAMED = 3  # past steps that a sentence names
WEEKEND = 5


def value(number: float) -> str:
    """A value in as many digits as one reads at a glance.

    >>> value(123.456), value(0.012345), value(1234567.0), value(float("nan"))
    ('123', '0.0123', '1234567', '–')
    """
    if math.isnan(number):
        return "–"
    size = abs(number)
    digits = 0 if size >= 100 or size == 0 else max(0, 2 - math.floor(math.log10(size)))
    return f"{number:.{min(digits, 8)}f}"


def with_unit(number: float, unit: str) -> str:
    """A value with what it is counted in."""
    return t("series.with_unit", value=value(number), unit=unit) if unit else value(number)


def length(clock: Clock, steps: int) -> str:
    """So many steps as one says it: 24 hours, 36 weeks; of steps of several units in those."""
    each = 1 if clock.name != clock.unit else clock.count
    return t(f"series.count_{clock.name}", count=steps * each)


def moment(clock: Clock, step: int) -> str:
    """A step by its time, as one says it: 26 Feb 13:00, 2月26日13:00."""
    if clock.unit not in ("hour", "minute", "second"):
        return clock.label(step)
    at = clock.at(step)
    return t("series.moment", day=_day(at), time=f"{at:%H:%M}")


def short(clock: Clock, step: int) -> str:
    """A step without its day, where it has an hour."""
    return f"{clock.at(step):%H:%M}" if clock.unit in ("hour", "minute", "second") else clock.label(step)


def _day(at: datetime) -> str:
    """A day of the year."""
    return f"{at.month}月{at.day}日" if language() == "zh" else f"{at.day} {at:%b}"


def calendar(window: Window) -> list[dict[str, Any]]:
    """What stands under the map: where each day begins, its weekday, whether it is a weekend; or months, years."""
    clock, count = window.clock, len(window.values) + len(window.came)
    found: list[dict[str, Any]] = []
    for step in range(count):
        one = _group(clock, window.first + step)
        if not found or found[-1]["day"] != one["day"]:
            found.append({**one, "at": step})
    return found


def _group(clock: Clock, step: int) -> dict[str, Any]:
    """The day, the month, the year or the decade of a step."""
    at = clock.at(step)
    if clock.unit == "row":
        return {"day": str(step // 10 * 10 + 1), "name": "", "rest": False}
    if clock.unit in ("hour", "minute", "second"):
        return {"day": _day(at), "name": t(f"series.weekday_{at.weekday()}"), "rest": at.weekday() >= WEEKEND}
    if clock.name == "day":
        return {"day": f"{at:%Y-%m}", "name": "", "rest": False}
    return {"day": str(at.year // 10 * 10 if clock.name == "year" else at.year), "name": "", "rest": False}


def most_looked_at(window: Window, row: Tensor) -> str:
    """The past steps with the most weight, each with its share."""
    best = row.topk(min(NAMED, int((row > 0).sum()) or 1))
    return t("series.comma").join(
        t("series.look_at", step=moment(window.clock, window.first + int(place)), share=f"{float(share):.0%}")
        for share, place in zip(best.values, best.indices, strict=True)
    )


def look(trace: Trace, weights: Tensor, hour: int, said: tuple[Window, Tensor, str, float]) -> str:
    """What a coming step is forecast as, what came, and where it looks, in a sentence."""
    window, values, unit, factor = said
    low, mid, high = (value(float(one) / factor) for one in values[hour])
    came = float(window.came[hour]) / factor
    words = {
        "when": moment(window.clock, window.first + len(window.values) + hour), "low": low, "mid": mid, "high": high,
        "unit": unit, "came": "" if math.isnan(came) else t("series.look_came", came=value(came)),
    }  # fmt: skip
    row = weights[hour]
    if not float(row.sum()):
        return t("series.look_nowhere", **words)
    return t("series.looks", most=most_looked_at(window, row), **words)


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
