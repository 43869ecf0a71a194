"""What the page on time series asks: which series, which model, from when on, which step looks, what is changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.systems import kind_of
from attnviz.ui.kit import (
    choose_any_model,
    choose_one,
    choose_rule,
    find,
    offer_samples,
    open_model,
    rule_now,
    t,
    with_or_without,
)
from attnviz.ui.pages.series import run, tables
from attnviz.ui.pages.series.foreign import Facts, Foreign, Source
from attnviz.ui.pages.series.lit import Map
from attnviz.ui.pages.series.run import GONE, KEY, MODEL, Asked, Changes, Head
from attnviz.ui.pages.series.state import (
    KINDS,
    MOMENTS,
    MOST,
    PARAMS,
    WAYS,
    forget_changes,
    forget_model,
    now,
    put,
)

if TYPE_CHECKING:
    from attnviz.models import ForecastModel
    from attnviz.systems.series.learn import Task
    from attnviz.systems.series.series import Series
    from attnviz.systems.series.system import System
    from attnviz.trace import Trace

UNITS = ("µg/m³", "°C", "°C", "hPa", "m/s", "h")  # of the columns of Beijing's air


def choose_what() -> str:
    """Beijing's air, or a table of one's own; in the sidebar the model and the rule."""
    with st.sidebar:
        titles = {MODEL: t("series.model_built_in")}
        choose_any_model(KEY + "model", titles, forget_model, start=MODEL, about=t("series.model_help"))
        choose_rule()
    return choose_one(
        PARAMS["what"], KINDS, t("series.what"), lambda name: t(f"series.what_{name}"), on_change=_forget
    )  # fmt: skip


def _forget() -> None:
    """The other series: its columns and what was changed of it."""
    forget_changes()
    for name in ("off", "value", "time", "channel"):
        put(name, PARAMS[name].default)


def model_now() -> System | ForecastModel:
    """The chosen model; while it loads, how far it is. Raises `ModelError` for one that forecasts no series."""
    name = str(now("model") or MODEL).strip()
    if kind_of(name) == "series":
        from attnviz.systems.series.system import load

        return load(name)
    from attnviz.errors import ModelError
    from attnviz.models import ForecastModel

    found = open_model(name)
    if not isinstance(found, ForecastModel):
        raise ModelError("series_other_kind", model=name)
    return found


def choose_moment(past: int, ahead: int) -> int:
    """From which hour on Beijing's air is forecast: a sample, a date and an hour, steps of an hour or a day."""
    offer_samples(
        KEY + "pick", MOMENTS, _take_sample, label=t("series.samples"),
        format_func=lambda one: t(f"series.sample_{one}"), help=t("series.samples_help"),
    )  # fmt: skip
    begin = run.start_of(str(now("moment")), past, ahead)
    clock, (first, last) = run.hours().clock, run.span(past, ahead)
    at = clock.at(begin)
    st.session_state[KEY + "date"], st.session_state[KEY + "time"] = at.date(), at.hour
    left, right = st.columns([3, 2], gap="small")
    left.date_input(
        t("series.date"), min_value=clock.at(first).date(), max_value=clock.at(last).date(), key=KEY + "date",
        on_change=_take_date, args=(first, last), format="YYYY-MM-DD",
    )  # fmt: skip
    right.selectbox(
        t("series.time"), range(24), format_func=_clock, key=KEY + "time", on_change=_take_date, args=(first, last)
    )
    with st.container(horizontal=True, gap="small"):
        for hours in (-24, -1, 1, 24):
            st.button(
                t(f"series.step_{'back' if hours < 0 else 'on'}_{abs(hours)}"), key=f"{KEY}step{hours}",
                on_click=_move_to, args=(begin + hours, first, last), disabled=not first <= begin + hours <= last,
            )  # fmt: skip
    return begin


def _clock(hour: int) -> str:
    return f"{hour:02d}:00"


def _take_sample(name: str) -> None:
    put("moment", MOMENTS[name])
    forget_changes()
    put("off", "")


def _take_date(first: int, last: int) -> None:
    """A date or an hour was chosen; one at the very end becomes the last that can be asked."""
    chosen = st.session_state[KEY + "date"]
    if isinstance(chosen, date):
        moment = datetime.combine(chosen, time(int(st.session_state[KEY + "time"] or 0)))
        _move_to(run.hours().clock.number(moment), first, last)


def _move_to(step: int, first: int, last: int) -> None:
    put("moment", f"{run.hours().clock.at(min(max(step, first), last)):%Y-%m-%d %H:00}")


def air_series(count: int) -> tuple[tuple[Series, ...], tuple[int, ...]]:
    """Which columns of Beijing's air a model reads, fine dust first, and their numbers. Raises `SeriesError`."""
    import torch

    from attnviz.systems.series.series import Series

    air = run.hours()
    columns = tables.pick(range(len(UNITS)), lambda one: t(f"series.air_{one}"), count)
    values = torch.cat([air.dust[:, None], air.weather], dim=-1)
    return tuple(Series(t(f"series.air_{one}"), air.clock, values[:, one]) for one in columns), columns


def choose_channel(series: tuple[Series, ...]) -> int:
    """Which of several columns is drawn."""
    if len(series) == 1:
        return 0
    box, usual = KEY + "channel_box", min(int(now("channel")), len(series) - 1)
    st.session_state[box] = usual
    st.selectbox(
        t("series.channel"), range(len(series)), format_func=lambda one: series[one].name, key=box,
        on_change=lambda: put("channel", st.session_state[box]), help=t("series.channel_help"),
    )  # fmt: skip
    return usual


def choose_way(system: System, found: Series) -> str:
    """Trained here, or forecast by the built-in model, where the steps are hours."""
    if not run.hourly(system, found):
        return "train"
    return choose_one(
        PARAMS["way"], WAYS, t("series.way"), lambda name: t(f"series.way_{name}"), t("series.way_help")
    )  # fmt: skip


def choose_start(found: Series, past: int, first: int) -> int:
    """The step at which the forecast begins: after the last one, or as many steps before it as are held out."""
    most = len(found) - max(first, past)
    if int(now("back")) > most:
        find(PARAMS["back"].key, max(0, most))
    if most > 0:
        st.slider(t("series.back", step=t(f"series.unit_{found.clock.name}")), 0, most, key=PARAMS["back"].key,
                  help=t("series.back_help"))  # fmt: skip
    return len(found) - max(0, min(int(now("back")), most))


def choose_changes(asked: Asked, one: Map) -> None:
    """What is taken away of the past, and a value put in; heads taken away."""
    past, unit = len(asked.window.values), asked.window.clock.name
    _choose_gone(past, unit, isinstance(asked, Foreign))
    if int(now("at")) > past:
        find(PARAMS["at"].key, past)
    left, right = st.columns(2, gap="small")
    left.number_input(
        t("series.at", step=t(f"series.unit_{unit}")), 0, past, key=PARAMS["at"].key, help=t("series.at_help")
    )  # fmt: skip
    right.number_input(
        t("series.spike", unit=asked.unit) if asked.unit else t("series.spike_plain"), -MOST, MOST, format="%g",
        key=PARAMS["spike"].key, disabled=not now("at"),
    )  # fmt: skip
    _choose_heads(asked, one)


def _choose_gone(past: int, unit: str, foreign: bool) -> None:
    """A stretch of the list; what is hidden by hand, shown again."""
    offered = [name for name, (before, _) in GONE.items() if before < past]
    if now("gone") not in offered:
        find(PARAMS["gone"].key, "")
    names = {name: gone_name(name, unit) for name in offered}
    st.selectbox(
        t("series.gone"), offered, format_func=names.__getitem__, key=PARAMS["gone"].key,
        help=t("series.gone_help_foreign" if foreign else "series.gone_help"),
    )  # fmt: skip
    if run.stretches(str(now("hidden")), past):
        st.button(t("series.show_all"), key=KEY + "show_all", on_click=put, args=("hidden", ""))
    st.caption(t("series.drag"))


def gone_name(name: str, unit: str) -> str:
    """What is taken away, in a few words."""
    if name in ("day", "before", "last", "half") and unit == "hour":
        return t(f"series.gone_{name}")
    before, after = GONE[name]
    return t("series.gone_none") if not before else t("series.gone_steps", before=before, after=after)


def _choose_heads(asked: Asked, one: Map) -> None:
    """The open head without effect, or given back; all of them back."""
    gone, number = changes_now(asked).off, int(now("map"))
    with st.container(horizontal=True, gap="small"):
        if number:
            head = one.named(number)
            words = "give_back" if head in gone else "remove"
            help_ = "remove_help_channels" if one.letter == "s" else "remove_help"
            st.button(
                t(f"series.{words}", layer=head[-2], head=head[-1]), key=KEY + "remove", on_click=_remove,
                args=(head,), help=t(f"series.{help_}"),
            )  # fmt: skip
        if gone:
            st.button(t("series.all_back", count=len(gone)), key=KEY + "all_back", on_click=put, args=("off", ""))


def _remove(head: Head) -> None:
    put("off", with_or_without(run.heads_off(str(now("off")), len(head)), head))


def changes_now(asked: Asked) -> Changes:
    """Everything that is changed. Heads and steps that this model does not have are left out."""
    past = len(asked.window.values)
    gone, at = GONE[str(now("gone"))], min(int(now("at")), past)
    return Changes(
        rule_now(), asked.heads_off(str(now("off"))), gone if gone[0] < past else (0, 0),
        run.stretches(str(now("hidden")), past), at, float(now("spike")),
    )  # fmt: skip


def choose_part(asked: Asked, trace: Trace) -> Trace:
    """Which map of a model from elsewhere: from coming steps to past ones, or of each among themselves; a channel's."""
    if not isinstance(asked, Foreign):
        return trace
    if asked.facts.patch is not None:
        return trace.map(trace.parts[min(asked.channel, len(trace.parts) - 1)])
    if now("part") not in trace.parts:
        find(PARAMS["part"].key, trace.part)
    part = st.segmented_control(
        t("series.sides"), trace.parts, key=PARAMS["part"].key, required=True, wrap=True, format_func=part_name
    )
    return trace.map(str(part or trace.part))


def part_name(part: str) -> str:
    """What a map is called."""
    side, _, number = part.partition(" ")
    return t("series.part_encoder_layer", layer=int(number) - 1) if number else t(f"series.part_{side}")


def choose_map(one: Map) -> int:
    """The mean of all heads, or one of them; what it looks back at stands beside its name."""
    count = len(one.heads)
    if int(now("map")) > count:
        find(PARAMS["map"].key, 0)
    names = [map_name(one, number) for number in range(count + 1)]
    number = st.selectbox(
        t("series.map"), range(count + 1), format_func=names.__getitem__, key=PARAMS["map"].key,
        help=t("series.map_help" if one.trace.model == MODEL else "series.map_help_plain"),
    )  # fmt: skip
    return int(number)


def choose_step(names: Sequence[str]) -> int:
    """Which of the coming steps is asked about, by what they are called."""
    if int(now("ask")) >= len(names):
        find(PARAMS["ask"].key, 0)
    step = st.selectbox(t("rests.ask_table"), range(len(names)), format_func=names.__getitem__, key=PARAMS["ask"].key)
    return int(step)


def map_name(one: Map, number: int) -> str:
    """A map in a few words, with the habit that the card measured."""
    if not number:
        return t("series.map_mean")
    *_, layer, head = one.named(number)
    name = t("series.map_one", layer=layer, head=head)
    if one.trace.model != MODEL:
        return name
    habit = run.figures()["heads"]["cross"][layer][head]["name"]
    return t("series.map_habit", map=name, habit=t(f"series.habit_{habit}"))


def own_task(found: Series) -> Task:
    """How much of the series is read, and how much forecast. Raises `TextError`."""
    from attnviz.systems.series.learn import task_of

    return task_of(found)


def choose_source(what: str, model: Facts) -> Source:
    """What a model from elsewhere reads, and where the forecast begins. Raises `AttnvizError` for what it cannot."""
    if what == "air":
        start = choose_moment(model.rows, model.ahead)
        series, columns = air_series(model.channels)
        return Source(f"air {columns}", series, tuple(UNITS[one] for one in columns), start)
    given = tables.choose_series(model.channels, learns=False)
    start = choose_start(given.series[0], model.rows, model.rows)
    mark = f"{given.mark} {given.columns} {now('time')} {given.series[0].clock}"
    return Source(mark, given.series, ("",) * len(given.series), start)
