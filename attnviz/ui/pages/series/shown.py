"""What the page on time series shows: the verdict, the series lit up, what heads look back at, the figures held out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import (
    SOFT,
    Selection,
    as_rule,
    asset,
    bold,
    dark,
    draw_heatmap,
    plain,
    rule_title,
    style_now,
    t,
    table,
    take_away,
    weights_sent,
)
from attnviz.ui.pages.series import choices, run
from attnviz.ui.pages.series.choices import PARAMS, now
from attnviz.ui.pages.series.run import KEY, Asked, Changes

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.systems.series.series import Series
    from attnviz.systems.series.system import Forecast
    from attnviz.trace import Trace

    Runs = tuple[Forecast, Forecast]  # without any change, and as it is asked for

CHART = KEY + "map-numbers"
EVERY = 6  # rows of the map that are named
SHARES = ("yesterday", "last", "wind", "entropy")
WAYS = ("attention", "even", "linear", "persistence", "seasonal")
HOURS = (1, 3, 6, 12, 24)
FULL = 4.0  # times an even weight: at least so much a row's full colour stands for; `picture.js` has it too
MOST_STEPS = 400  # of a series that are drawn before anything is forecast
NONE = Changes(SOFT)


@cache  # one component with its scripts: at most 30 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component(
        "attnviz_series", html='<div class="series"></div>', css=asset("pages/series/picture.css"),
        js=asset("kit/pictures/picture.js") + asset("pages/series/picture.js"),
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
    """What is chosen: Beijing's air at a moment, or a table of one's own. Raises `TextError`."""
    if what == "air":
        return Opened(choices.choose_moment())
    fingerprint, found = choices.choose_series()
    say_series(found)
    if choices.choose_way(found) == "built":
        shape = run.air().network.shape
        asked = run.asked_built_in(found, choices.choose_start(found, shape.past, shape.past))
        st.caption(t("series.built_say"))
        return Opened(asked, found)
    task = choices.own_task(found)
    course = run.Course(f"{fingerprint} {found.name} {found.clock}", task)
    course.say()
    moment = course.moment
    if moment is None or course.work.running:
        return Opened(None, found, course)
    start = choices.choose_start(found, task.past, task.held)
    return Opened(run.asked_own(moment.system, task, start), found, course)


def runs_of(asked: Asked, changes: Changes) -> Runs:
    """The forecast without any change, and as it is asked for."""
    before = run.forecast(asked, NONE)
    return before, before if changes == NONE else run.forecast(asked, changes)


def is_changed(changes: Changes) -> bool:
    """Is it another run than the model's own?"""
    return changes != Changes(SOFT, spike=changes.spike)


def say_forecast(asked: Asked, changes: Changes, runs: Runs) -> None:
    """First of all: what comes on average, what really came, by how much it was off; what a change did to that."""
    before, window = runs[0], asked.window
    mean, other = (float(one.values[:, 1].mean()) / asked.factor for one in runs)
    words = {
        "when": run.moment(window.clock, window.first + len(window.values)),
        "span": run.length(window.clock, len(window.came)), "mean": run.with_unit(mean, asked.unit),
        "then": run.with_unit(other, asked.unit), "how": _how(asked, changes),
    }  # fmt: skip
    st.markdown(t("series.turns" if is_changed(changes) else "series.says", **words))
    if not math.isnan(before.error):
        st.markdown(_truth(asked, changes, runs))


def _truth(asked: Asked, changes: Changes, runs: Runs) -> str:
    """What came, and how far off the forecast is; beside it the last value and the day before, kept as they were."""
    before, after = runs
    came = float(asked.window.came.nanmean()) / asked.factor
    inside, known = after.inside
    words = {
        "came": run.with_unit(came, asked.unit), "inside": inside, "known": known,
        "off": run.with_unit(after.error / asked.factor, asked.unit),
        "was": run.with_unit(before.error / asked.factor, asked.unit), "last": run.value(_last_error(asked)),
    }  # fmt: skip
    return t("series.truth_changed" if is_changed(changes) else "series.truth", **words)


def _last_error(asked: Asked) -> float:
    """How far off it would be to say the last value that was measured for all that comes."""
    known = asked.window.values[~asked.window.values.isnan()]
    return float((asked.window.came - known[-1]).abs().nanmean()) / asked.factor if len(known) else math.nan


def _how(asked: Asked, changes: Changes) -> str:
    """What was changed, in a few words."""
    unit, found = asked.window.clock.name, []
    if changes.gone[0]:
        found.append(t("series.how_gone", what=choices.gone_name(str(now("gone")), unit)))
    if changes.at:
        step = asked.window.first + len(asked.window.values) - changes.at
        spike = run.with_unit(changes.spike, asked.unit)
        found.append(t("series.how_spike", value=spike, when=run.moment(asked.window.clock, step)))
    if changes.off:
        found.append(t("series.how_off", count=len(changes.off)))
    if changes.rule != SOFT:
        found.append(t("series.how_rule", rule=plain(rule_title(as_rule(changes.rule)))))
    return t("series.comma").join(found)


def draw_series(asked: Asked, changes: Changes, runs: Runs, number: int) -> None:
    """The series, what comes, and the map, lit where the chosen step looks."""
    after = runs[1]
    shown = run.weights_of(after.trace, number)
    data = {
        **_lines(asked, runs, is_changed(changes)), **_words(asked, after), "forecast": True,
        "weights": weights_sent(shown.numpy()), "tiles": _tiles(after.trace, changes), "head": number,
        "picked": min(int(now("hour")), len(asked.window.came) - 1),
        "looks": [
            run.look(after.trace, shown, hour, (after.window, after.values, asked.unit, asked.factor))
            for hour in range(len(asked.window.came))
        ],
    }  # fmt: skip
    _component()(
        key=KEY + "picture", data=data, on_picked_change=choices.take_hour, on_head_change=choices.take_map
    )  # fmt: skip
    st.caption(t("series.colours"))


def _numbers(values: Tensor, factor: float = 1.0) -> list[float | None]:
    """Numbers as a browser has them."""
    return [None if math.isnan(one) else one / factor for one in values.tolist()]


def _lines(asked: Asked, runs: Runs, changed: bool) -> dict[str, Any]:
    """The past as it is read and as it was, what came, what is forecast, before a change and with it."""
    before, after = runs
    low, mid, high = (_numbers(one, asked.factor) for one in after.values.unbind(-1))
    gone = after.window.values.isnan()
    return {
        "past": _numbers(after.window.values, asked.factor), "came": _numbers(asked.window.came, asked.factor),
        "was": _numbers(asked.window.values, asked.factor) if changed else [], "hidden": gone.tolist(),
        "low": low, "mid": mid, "high": high,
        "before": _numbers(before.values[:, 1], asked.factor) if changed else [],
    }  # fmt: skip


def _words(asked: Asked, after: Forecast | None) -> dict[str, Any]:
    """The calendar, the names of the rows, and what the picture says of itself."""
    window = asked.window
    first = window.first + len(window.values)
    rows = [run.short(window.clock, first + hour) for hour in range(len(window.came))]
    words = {name: t(f"series.{name}") for name in ("label", "tiles")}
    alt = t("series.alt_line", steps=len(window.values), first=window.keys.labels[0], last=window.keys.labels[-1])
    return {
        "days": run.calendar(window), "rows": rows, "every": EVERY, "dark": dark(),
        "words": {**words, "alt": alt, "quiet": ""},
    }  # fmt: skip


def _tiles(trace: Trace, changes: Changes) -> list[dict[str, Any]]:
    """Every head small, the mean of all before them."""
    from base64 import b64encode

    import numpy as np

    found = []
    for number in range(len(run.maps(trace)) + 1):
        weights = run.weights_of(trace, number).numpy()
        top = np.maximum(weights.max(-1, keepdims=True), FULL / weights.shape[-1])
        shares = np.divide(weights, top, out=np.zeros_like(weights), where=top > 0)
        off = bool(number) and run.maps(trace)[number - 1] in changes.off
        sent = b64encode(np.rint(255 * shares).astype(np.uint8).tobytes()).decode()
        found.append({"name": choices.map_name(trace, number), "shares": sent, "off": off})
    return found


def draw_line(opened: Opened) -> None:
    """A series of one's own before anything is forecast: its last steps."""
    from attnviz.systems.series.window import Window

    found = opened.series
    assert found is not None
    count = min(len(found), MOST_STEPS)
    values = found.values[-count:]
    window = Window(found.clock, len(found) - count, values, values[:0])
    data = {
        **_words(Asked(None, window), None), "forecast": False, "past": _numbers(values), "came": [], "was": [],  # type: ignore[arg-type]
        "hidden": values.isnan().tolist(), "low": [], "mid": [], "high": [], "before": [], "tiles": [], "head": 0,
        "weights": ["", 1.0], "picked": 0, "looks": [],
    }  # fmt: skip
    _component()(key=KEY + "picture", data=data, on_picked_change=choices.take_hour, on_head_change=choices.take_map)
    st.caption(t("series.line_of", shown=count, all=len(found)))


def say_series(found: Series) -> None:
    """What the table was taken for, and what was done to it."""
    clock, last = found.clock, len(found) - 1
    words = {"name": plain(found.name), "steps": len(found), "first": clock.label(0), "last": clock.label(last)}
    every = t("series.every", span=run.length(clock, 1))
    said = t("series.rows" if clock.unit == "row" else "series.read", **words, every=every)
    notes = [t(f"series.note_{name}", count=count) for name, count in found.notes.items()]
    st.caption(" ".join([said, *notes]))


def show_evidence(asked: Asked, forecast: Forecast, number: int) -> None:
    """What heads look back at, the figures held out, every map in numbers."""
    if forecast.trace.model == run.MODEL and asked.window.beside is not None:
        show_habits(asked, forecast.trace, number)
        show_held_out()
    show_numbers(asked, forecast, number)


def show_habits(asked: Asked, trace: Trace, number: int) -> None:
    """What heads look back at: over the held-out year, and in this window."""
    with st.expander(t("series.habits"), expanded=False):
        names = [one["name"] for layer in run.figures()["heads"]["cross"] for one in layer]
        kinds = ("last", "yesterday", "wind", "spread", "mixed")
        st.markdown(t("series.habits_say", count=len(names), **{name: names.count(name) for name in kinds}))
        heads = [t("series.col_head"), *(t(f"series.share_{name}") for name in SHARES), t("series.col_name")]
        rows = []
        for place, (layer, head) in enumerate(run.maps(trace), start=1):
            habit = run.habit_of(asked, trace, (layer, head))
            kept = run.figures()["heads"]["cross"][layer][head]
            cells = [
                f"{_share(kept, name)} · {getattr(habit, name):.0%}" for name in SHARES
            ]  # fmt: skip
            name = t(f"series.habit_{kept['name']}")
            rows.append(bold([t("series.map_one", layer=layer, head=head), *cells, name], place == number))
        st.markdown(table(heads, rows, "---:"))
        even = run.figures()["heads"]["cross"][0][0]["even"]
        st.caption(t("series.habits_even", yesterday=f"{even[0]:.0%}", last=f"{even[1]:.0%}", wind=f"{even[2]:.0%}"))


def _share(kept: dict[str, Any], name: str) -> str:
    return f"{kept[name]:.0%}"


def show_held_out() -> None:
    """The figures of the card: the held-out year, beside what it must beat."""
    figures = run.figures()["test"]
    best = min(WAYS, key=lambda way: figures[way]["mae"])
    own, even, kept = (figures[way] for way in ("attention", "even", "persistence"))
    words = {name: figures[name]["mae"] for name in ("even", "linear", "persistence", "seasonal")}
    words |= {"mae": own["mae"], "first": own["mae_1"], "first_even": even["mae_1"], "far": own["mae_24"]}
    words |= {"far_even": even["mae_24"], "kept": kept["mae_1"]}
    said = {name: run.value(one) for name, one in words.items()}
    with st.expander(t("series.held")):
        st.markdown(t("series.held_say" if own["mae"] < even["mae"] else "series.held_lost", **said))
        if kept["mae_1"] < own["mae_1"]:
            st.markdown(t("series.held_first", **said))
        heads = ["", t("series.col_mae"), *(t("series.col_hour", hour=hour) for hour in HOURS), t("series.col_score")]
        heads += [t("series.col_inside"), t("series.col_wide")]
        rows = [bold([t(f"series.way_of_{way}"), *_figures(figures[way])], way == best) for way in WAYS]
        st.markdown(table(heads, rows, "---:"))
        st.caption(t("series.held_how"))


def _figures(one: dict[str, float]) -> list[str]:
    """The figures of one way."""
    return [
        f"{one['mae']:.1f}", *(f"{one[f'mae_{hour}']:.1f}" for hour in HOURS), f"{one['score']:.1f}",
        f"{one['inside']:.0%}", f"{one['wide']:.0f}",
    ]  # fmt: skip


def show_numbers(asked: Asked, forecast: Forecast, number: int) -> None:
    """Any map of the run as numbers, and what can be taken away: pictures, weights, the forecast as CSV."""
    with st.expander(t("series.numbers")):
        part = st.segmented_control(
            t("series.part"), ("cross", "encoder", "decoder"), key=PARAMS["part"].key, required=True,
            format_func=lambda name: t(f"series.part_{name}"),
        )  # fmt: skip
        trace = forecast.trace.map(str(part or "cross"))
        heads = run.maps(forecast.trace)
        layer, head = heads[max(0, number - 1)]
        query = min(int(now("hour")), len(trace.tokens) - 1)
        selection, style = Selection(layer, head, query=query), style_now("row", 460)
        st.caption(t("series.numbers_of", map=t("series.map_one", layer=layer, head=head)))
        draw_heatmap(trace, selection, style, key=CHART)
        take_away(trace, selection, style, chart=CHART)
        st.download_button(
            t("series.take_forecast"), lambda: _file(asked, forecast), t("series.file_name", model=_model(trace)),
            "text/csv", key=KEY + "take_forecast", on_click="ignore", width="stretch",
        )  # fmt: skip


def _model(trace: Trace) -> str:
    """The name of a model as a file can have it."""
    return "".join(one if one.isalnum() or one in "-." else "-" for one in trace.model) or "series"


def _file(asked: Asked, forecast: Forecast) -> bytes:
    """The forecast as a table."""
    from attnviz.systems.series.files import forecast_csv

    return forecast_csv(forecast, asked.factor)
