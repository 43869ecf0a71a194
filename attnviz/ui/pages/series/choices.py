"""What the page on time series asks: which series, from when on, which coming hour looks, what is changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    between,
    choose_one,
    choose_rule,
    find,
    matching,
    offer_samples,
    one_of,
    rule_now,
    t,
    with_or_without,
)
from attnviz.ui.pages.series import run
from attnviz.ui.pages.series.run import GONE, KEY, SAMPLES, Asked, Changes

if TYPE_CHECKING:
    from attnviz.systems.series.columns import Table
    from attnviz.systems.series.learn import Task
    from attnviz.systems.series.series import Series
    from attnviz.trace import Trace

KINDS, WAYS = ("air", "own"), ("train", "built")
MOMENTS = {
    "haze": "2014-11-19 12:00", "wind": "2014-02-26 12:00", "sudden": "2014-01-15 12:00",
    "festival": "2014-01-30 18:00", "clear": "2014-05-12 08:00",
}  # fmt: skip
HEADS = re.compile(r"(\d{1,2}\.\d{1,2}(-\d{1,2}\.\d{1,2})*)?")
MOST = 1e12
TYPES = ("csv", "tsv", "txt")
PARAMS = {
    **RULE_PARAMS,
    "what": Param("series", KEY + "what", "air", one_of(*KINDS)),
    "moment": Param("from", KEY + "moment", MOMENTS["haze"], str),
    "sample": Param("table", KEY + "sample", SAMPLES[0], one_of(*SAMPLES)),
    "way": Param("by", KEY + "way", "train", one_of(*WAYS)),
    "back": Param("back", KEY + "back", 0, between(0, 999_999, int), slides=True),
    "hour": Param("hour", KEY + "hour", 5, between(0, 999, int)),
    "map": Param("map", KEY + "map", 0, between(0, 99, int)),
    "gone": Param("without", KEY + "gone", "", one_of(*GONE)),
    "at": Param("spike", KEY + "at", 0, between(0, 999, int)),
    "spike": Param("height", KEY + "spike", 500.0, between(-MOST, MOST, float)),
    "off": Param("off", KEY + "off", "", matching(HEADS)),
    "part": Param("part", KEY + "part", "cross", one_of("cross", "encoder", "decoder")),
}


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def _put(name: str, value: object) -> None:
    st.session_state[PARAMS[name].key] = value


def choose_what() -> str:
    """Beijing's air, or a table of one's own; in the sidebar the rule and the article."""
    what = choose_one(
        PARAMS["what"], KINDS, t("series.what"), lambda name: t(f"series.what_{name}"), on_change=_forget
    )  # fmt: skip
    with st.sidebar:
        choose_rule()
    return what


def _forget() -> None:
    """What belonged to the other series: what was taken away and put in, and where it was."""
    for name in ("gone", "off"):
        _put(name, "")
    for name in ("at", "back"):
        _put(name, 0)


def choose_moment() -> Asked:
    """From when on Beijing's air is forecast: a sample, a date and an hour, steps of an hour or a day."""
    offer_samples(
        KEY + "pick", MOMENTS, _take_sample, label=t("series.samples"),
        format_func=lambda one: t(f"series.sample_{one}"), help=t("series.samples_help"),
    )  # fmt: skip
    asked = run.asked_air(str(now("moment")))
    at = asked.window.clock.at(asked.window.first + len(asked.window.values))
    first, last = (datetime.fromisoformat(one) for one in run.span())
    st.session_state[KEY + "date"], st.session_state[KEY + "time"] = at.date(), at.hour
    left, right = st.columns([3, 2], gap="small")
    left.date_input(
        t("series.date"), min_value=first.date(), max_value=last.date(), key=KEY + "date", on_change=_take_date,
        format="YYYY-MM-DD",
    )  # fmt: skip
    right.selectbox(t("series.time"), range(24), format_func=_clock, key=KEY + "time", on_change=_take_date)
    with st.container(horizontal=True, gap="small"):
        for hours in (-24, -1, 1, 24):
            st.button(
                t(f"series.step_{'back' if hours < 0 else 'on'}_{abs(hours)}"), key=f"{KEY}step{hours}", on_click=_step,
                args=(hours,), disabled=not first <= at + timedelta(hours=hours) <= last,
            )  # fmt: skip
    return asked


def _clock(hour: int) -> str:
    return f"{hour:02d}:00"


def _take_sample(name: str) -> None:
    _put("moment", MOMENTS[name])
    _forget()


def _take_date() -> None:
    """A date or an hour was chosen; one at the very end becomes the last that can be asked."""
    chosen = st.session_state[KEY + "date"]
    if isinstance(chosen, date):
        _move_to(datetime.combine(chosen, time(int(st.session_state[KEY + "time"] or 0))))


def _step(hours: int) -> None:
    window = run.asked_air(str(now("moment"))).window
    _move_to(window.clock.at(window.first + len(window.values) + hours))


def _move_to(moment: datetime) -> None:
    first, last = (datetime.fromisoformat(one) for one in run.span())
    _put("moment", f"{min(max(moment, first), last):%Y-%m-%d %H:00}")


def brought() -> tuple[bytes, str] | None:
    """The table that was brought, and what it is called; None for a sample."""
    found: tuple[bytes, str] | None = st.session_state.get(KEY + "brought")
    return found


def choose_series() -> tuple[str, Series]:
    """A table of one's own: a sample, a file or a pasted text; which columns. Raises `TextError`."""
    offer_samples(
        KEY + "pick_table", SAMPLES, _take_table, label=t("series.tables"),
        format_func=lambda one: t(f"series.table_{one}"),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        with st.popover(t("series.file"), icon=":material/upload_file:"):
            st.file_uploader(t("series.upload"), list(TYPES), key=KEY + "upload", on_change=_take_file)
        with st.popover(t("series.paste"), icon=":material/content_paste:"):
            st.text_area(
                t("series.pasted"), key=KEY + "pasted", height=180, placeholder="2014-01-01,12\n2014-01-02,15",
                on_change=_take_pasted,
            )  # fmt: skip
    content = brought()
    if content is not None:
        st.caption(t("series.not_in_link"))
    return _columns(content[0] if content else run.sample_text(str(now("sample"))))


def _columns(content: bytes) -> tuple[str, Series]:
    """The series that is guessed, or that of the columns that are chosen."""
    from attnviz.systems.series.series import time_of

    fingerprint = run.mark(content)
    table = run.table(fingerprint, content)
    times = [*([-1] if table.parted else []), *table.time_columns, None]
    _keep(KEY + "value", table.value_columns, fingerprint)
    _keep(KEY + "column", [time_of(table), *times], fingerprint)
    left, right = st.columns(2, gap="small")
    right.selectbox(t("series.value"), table.value_columns, format_func=_name(table), key=KEY + "value")
    left.selectbox(t("series.column"), times, format_func=_name(table), key=KEY + "column")
    value, column = int(st.session_state[KEY + "value"]), st.session_state[KEY + "column"]
    return fingerprint, run.series(fingerprint, value, column, table)


def _keep(key: str, options: list[Any], fingerprint: str) -> None:
    """Begin with the first for another table."""
    if st.session_state.get(key + ".of") != fingerprint or st.session_state.get(key, "") not in options:
        st.session_state[key], st.session_state[key + ".of"] = options[0], fingerprint


def _name(table: Table) -> Callable[[int | None], str]:
    """What a column is called."""

    def name(at: int | None) -> str:
        if at is None:
            return t("series.column_none")
        return t("series.column_parts") if at < 0 else table.name(at)

    return name


def _take_table(name: str) -> None:
    _put("sample", name)
    _take(None)


def _take_file() -> None:
    file = st.session_state[KEY + "upload"]
    _take(None if file is None else (file.getvalue(), file.name))


def _take_pasted() -> None:
    text = str(st.session_state[KEY + "pasted"] or "")
    _take((text.encode("utf-8", "replace"), "") if text.strip() else None)


def _take(content: tuple[bytes, str] | None) -> None:
    st.session_state[KEY + "brought"] = content
    _forget()


def choose_way(found: Series) -> str:
    """Trained here, or forecast by the built-in model, where the steps are hours."""
    if not run.hourly(found):
        return "train"
    return choose_one(
        PARAMS["way"], WAYS, t("series.way"), lambda name: t(f"series.way_{name}"), t("series.way_help")
    )  # fmt: skip


def choose_start(found: Series, past: int, first: int) -> int:
    """The step at which the forecast begins: after the last one, or as many steps before it as are held out."""
    most = len(found) - max(first, past)
    if int(now("back")) > most:
        find(PARAMS["back"].key, most)
    if most > 0:
        st.slider(t("series.back", step=t(f"series.unit_{found.clock.name}")), 0, most, key=PARAMS["back"].key,
                  help=t("series.back_help"))  # fmt: skip
    return len(found) - min(int(now("back")), most)


def choose_changes(asked: Asked, trace: Trace) -> None:
    """What is taken away of the past, and a value put in; heads taken away."""
    past = len(asked.window.values)
    offered = [name for name, (before, _) in GONE.items() if before < past]
    if now("gone") not in offered:
        find(PARAMS["gone"].key, "")
    unit = asked.window.clock.name
    st.selectbox(
        t("series.gone"), offered, format_func=lambda name: gone_name(name, unit), key=PARAMS["gone"].key,
        help=t("series.gone_help"),
    )  # fmt: skip
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
    _choose_heads(trace)


def gone_name(name: str, unit: str) -> str:
    """What is taken away, in a few words."""
    if name in ("day", "before", "last", "half") and unit == "hour":
        return t(f"series.gone_{name}")
    before, after = GONE[name]
    return t("series.gone_none") if not before else t("series.gone_steps", before=before, after=after)


def _choose_heads(trace: Trace) -> None:
    """The open head without effect, or given back; all of them back."""
    gone, number = run.heads_off(str(now("off"))), int(now("map"))
    with st.container(horizontal=True, gap="small"):
        if number:
            layer, head = run.maps(trace)[number - 1]
            words = "give_back" if (layer, head) in gone else "remove"
            st.button(
                t(f"series.{words}", layer=layer, head=head), key=KEY + "remove", on_click=_remove,
                args=((layer, head),), help=t("series.remove_help"),
            )  # fmt: skip
        if gone:
            st.button(t("series.all_back", count=len(gone)), key=KEY + "all_back", on_click=_put, args=("off", ""))


def _remove(head: tuple[int, int]) -> None:
    _put("off", with_or_without(run.heads_off(str(now("off"))), head))


def changes_now(asked: Asked) -> Changes:
    """Everything that is changed. Heads and steps that this model does not have are left out."""
    shape = asked.system.network.shape
    off = tuple((n, h) for n, h in run.heads_off(str(now("off"))) if n < shape.layers and h < shape.heads)
    gone = GONE[str(now("gone"))]
    return Changes(
        rule_now(), off, gone if gone[0] < shape.past else (0, 0), min(int(now("at")), shape.past), float(now("spike"))
    )  # fmt: skip


def choose_map(trace: Trace) -> int:
    """The mean of all heads, or one of them; what it looks back at stands beside its name."""
    count = len(run.maps(trace))
    if int(now("map")) > count:
        find(PARAMS["map"].key, 0)
    number = st.selectbox(
        t("series.map"), range(count + 1), format_func=lambda n: map_name(trace, n), key=PARAMS["map"].key,
        help=t("series.map_help"),
    )  # fmt: skip
    return int(number)


def map_name(trace: Trace, number: int) -> str:
    """A map in a few words, with the habit that the card measured."""
    if not number:
        return t("series.map_mean")
    layer, head = run.maps(trace)[number - 1]
    name = t("series.map_one", layer=layer, head=head)
    if trace.model != run.MODEL:
        return name
    habit = run.figures()["heads"]["cross"][layer][head]["name"]
    return t("series.map_habit", map=name, habit=t(f"series.habit_{habit}"))


def take_hour() -> None:
    """A coming hour was clicked: it is the one that looks."""
    if (found := st.session_state[KEY + "picture"]["picked"]) is not None:
        _put("hour", max(0, int(found)))


def take_map() -> None:
    """A head was clicked."""
    if (found := st.session_state[KEY + "picture"]["head"]) is not None:
        _put("map", max(0, int(found)))


def own_task(found: Series) -> Task:
    """How much of the series is read, and how much forecast. Raises `TextError`."""
    from attnviz.systems.series.learn import task_of

    return task_of(found)
