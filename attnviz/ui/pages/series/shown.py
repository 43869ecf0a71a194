"""What the page on time series shows: the verdict, the series lit up, what stands folded below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import SOFT, asset, dark, plain, t, weights_sent
from attnviz.ui.pages.series import choices, foreign, lit, run, state, tables, told, words
from attnviz.ui.pages.series.evidence import show_evidence
from attnviz.ui.pages.series.foreign import facts
from attnviz.ui.pages.series.lit import Map
from attnviz.ui.pages.series.run import KEY, Asked, Changes
from attnviz.ui.pages.series.state import now
from attnviz.ui.pages.series.told import is_changed, say_forecast

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.models import ForecastModel
    from attnviz.systems.series.series import Series
    from attnviz.systems.series.system import System
    from attnviz.systems.series.window import Window
    from attnviz.ui.pages.series.told import Runs

__all__ = ["begin", "draw_line", "draw_series", "maps_of", "runs_of", "say_forecast", "show_evidence"]
EVERY, MANY, LEAST = 6, 12, 14  # rows of the map: those that are named, those that all are, pixels between two names
MOST_STEPS = 400  # of a series that are drawn before anything is forecast
NONE = Changes(SOFT)
EMPTY = ("came", "was", "low", "mid", "high", "before", "tiles", "looks", "asks", "cells", "edges", "lazy", "taken")


@cache  # one component with its scripts: at most 40 kB
def _component():  # type: ignore[no-untyped-def]
    scripts = ("kit/pictures/picture.js", "pages/series/hiding.js", "pages/series/picture.js")
    return st.components.v2.component(
        "attnviz_series", html='<div class="series"></div>', css=asset("pages/series/picture.css"),
        js="".join(map(asset, scripts)),
    )  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """What is asked, None before a training; the series of a person's own, and its training where there is one."""

    asked: Asked | None
    series: Series | None = None
    course: run.Course | None = None

    def go_on(self, place: DeltaGenerator) -> None:
        """Train what is left of a training that was started."""
        if self.course is not None:
            self.course.go_on(place)


def begin(what: str) -> Opened:
    """What is chosen: a model, Beijing's air at a moment, or a table of one's own. Raises `AttnvizError`."""
    from attnviz.systems.series.system import System

    model = choices.model_now()
    if not isinstance(model, System):
        return _foreign(what, model)
    if model.air is None:
        return _saved(what, model)
    if what == "air":
        shape = model.network.shape
        choices.choose_moment(shape.past, shape.ahead)
        return Opened(run.asked_air(model, str(now("moment"))))
    return _own(model)


def _saved(what: str, system: System) -> Opened:
    """A model that was trained here and saved to a folder, on Beijing's air or on a table of one's own."""
    shape = system.network.shape
    if what == "air":
        start = choices.choose_moment(shape.past, shape.ahead)
        found, unit = choices.air_series(1)[0][0], "µg/m³"
    else:
        found, unit = tables.choose_series(learns=False).series[0], ""
        say_series(found)
        start = choices.choose_start(found, shape.past, shape.past)
    told.say_saved(system, found)
    return Opened(run.asked_folder(system, found, start, unit), found)


def _own(system: System) -> Opened:
    """A table of one's own, by a model that is trained here or by that of Beijing's air."""
    given = tables.choose_series()
    found = given.series[0]
    say_series(found)
    if choices.choose_way(system, found) == "built":
        shape = system.network.shape
        asked = run.asked_built_in(system, found, choices.choose_start(found, shape.past, shape.past))
        st.caption(t("series.built_say", model=plain(system.name)))
        return Opened(asked, found)
    task = choices.own_task(found)
    course = run.Course(f"{given.mark} {found.name} {found.clock}", task)
    course.say()
    moment = course.moment
    if moment is None or course.work.running:
        return Opened(None, found, course)
    told.offer_model(moment.system)
    start = choices.choose_start(found, task.past, task.held)
    return Opened(run.asked_own(moment.system, task, start), found, course)


def _foreign(what: str, model: ForecastModel) -> Opened:
    """A model of the Hub or a folder, on Beijing's air or on a table of one's own."""
    is_ = facts(model)
    told.say_model(model, is_)
    source = choices.choose_source(what, is_)
    channel = choices.choose_channel(source.series)
    if what != "air":
        say_series(source.series[channel], foreign=True)
    asked = foreign.asked(is_, source, channel)
    told.say_given(is_, source.series[channel], asked.foreseen(NONE).notes)
    return Opened(asked, source.series[channel])


def runs_of(asked: Asked, changes: Changes) -> Runs:
    """The forecast without any change, and as it is asked for."""
    before = asked.forecast(NONE)
    return before, before if changes == NONE else asked.forecast(changes)


def maps_of(asked: Asked, runs: Runs) -> tuple[Map, int]:
    """The map that is shown of a run, and which of its heads, 0 for the mean of all."""
    one = lit.shown(asked, choices.choose_part(asked, runs[1].trace))
    return one, choices.choose_map(one)


def draw_series(asked: Asked, changes: Changes, runs: Runs, shown: tuple[Map, int]) -> None:
    """The series, what comes, and the map, lit where the chosen step looks."""
    after, (one, number) = runs[1], shown
    weights, computed, rows = one.weights(number), one.computed(number), one.rows
    spans = [span for span in one.asks if span is not None]
    _draw({
        **_lines(asked, runs, is_changed(changes)), **_words(asked.window, [first for first, _ in spans]),
        "forecast": True, "weights": weights_sent(one.drawn(number)), "asks": spans, "edges": one.edges,
        "cells": [span for span in one.cells if span is not None],
        "lazy": [row for row, query in enumerate(rows) if not computed[query]],
        "tiles": _tiles(one, changes), "head": number, "picked": min(int(now("hour")), len(rows) - 1),
        "taken": changes.taken,
        "looks": [told.look(asked, one, after, weights, row) for row in range(len(rows))],
    })  # fmt: skip
    st.caption(told.colours(asked, one))


def _draw(data: dict[str, Any]) -> None:
    """The picture, and what is heard of it."""
    _component()(
        key=KEY + "picture", data=data, on_picked_change=state.take_hour, on_head_change=state.take_map,
        on_hidden_change=state.take_hidden,
    )  # fmt: skip


def _numbers(values: Tensor, factor: float = 1.0) -> list[float | None]:
    """Numbers as a browser has them."""
    return [None if math.isnan(one) else one / factor for one in values.tolist()]


def _lines(asked: Asked, runs: Runs, changed: bool) -> dict[str, Any]:
    """The past as it is read and as it was, what came, what is forecast, before a change and with it."""
    before, after = runs
    low, mid, high = (_numbers(one, asked.factor) for one in after.values.unbind(-1))
    gone = after.window.values.isnan()
    return {
        "unit": asked.unit, "past": _numbers(after.window.values, asked.factor),
        "came": _numbers(asked.window.came, asked.factor),
        "was": _numbers(asked.window.values, asked.factor) if changed else [], "hidden": gone.tolist(),
        "low": low, "mid": mid, "high": high,
        "before": _numbers(before.values[:, 1], asked.factor) if changed else [],
    }  # fmt: skip


def _words(window: Window, rows: Sequence[int]) -> dict[str, Any]:
    """The calendar, the names of the rows, and what the picture says of itself."""
    said = {name: t(f"series.{name}") for name in ("label", "tiles")}
    said["marking"] = t("series.marking", first="{first}", last="{last}", count="{count}")
    labels = window.keys.labels
    alt = t("series.alt_line", steps=len(window.values), first=labels[0], last=labels[-1])
    every = 1 if len(rows) <= MANY else max(EVERY, math.ceil(LEAST * len(rows) / 260))
    return {
        "days": words.calendar(window), "rows": [words.short(window.clock, window.first + one) for one in rows],
        "every": every, "dark": dark(), "words": {**said, "alt": alt, "quiet": ""}, "labels": labels,
    }  # fmt: skip


def _tiles(one: Map, changes: Changes) -> list[dict[str, Any]]:
    """Every head small, the mean of all before them."""
    return [
        {
            "name": choices.map_name(one, number), **lit.tile(one, number),
            "off": bool(number) and one.named(number) in changes.off,
        }
        for number in range(len(one.heads) + 1)
    ]  # fmt: skip


def draw_line(opened: Opened) -> None:
    """A series of one's own before anything is forecast: its last steps."""
    from attnviz.systems.series.window import Window

    found = opened.series
    assert found is not None
    count = min(len(found), MOST_STEPS)
    values = found.values[-count:]
    window = Window(found.clock, len(found) - count, values, values[:0])
    _draw({
        **_words(window, []), "forecast": False, "past": _numbers(values), "hidden": values.isnan().tolist(),
        **{name: [] for name in EMPTY}, "head": 0, "weights": ["", 1.0], "picked": 0,
    })  # fmt: skip
    st.caption(t("series.line_of", shown=count, all=len(found)))


def say_series(found: Series, foreign: bool = False) -> None:
    """What the table was taken for, and what was done to it; a model from elsewhere is told of gaps."""
    clock, last = found.clock, len(found) - 1
    said = {"name": plain(found.name), "steps": len(found), "first": clock.label(0), "last": clock.label(last)}
    alone = clock.count == 1 or clock.name != clock.unit
    every = t("series.every_one" if alone else "series.every", span=words.step(clock))
    read = t("series.rows" if clock.unit == "row" else "series.read", **said, every=every)
    names = {name: "gaps_told" if foreign and name == "gaps" else name for name in found.notes}
    notes = [t(f"series.note_{names[name]}", count=count) for name, count in found.notes.items()]
    st.caption(" ".join([read, *notes]))
