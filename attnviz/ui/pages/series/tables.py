"""Which columns of numbers the page on time series reads: of Beijing's air, a sample, a file, a pasted text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import offer_samples, t
from attnviz.ui.pages.series import run
from attnviz.ui.pages.series.run import KEY, SAMPLES
from attnviz.ui.pages.series.state import OWN, forget_changes, now, put

if TYPE_CHECKING:
    from attnviz.systems.series.columns import Table
    from attnviz.systems.series.series import Series

TYPES = ("csv", "tsv", "txt")


@dataclass(frozen=True, eq=False)
class Given:
    """A table of one's own as it is read: its fingerprint, the series of each column that is chosen, as many numbers
    of columns."""

    mark: str
    series: tuple[Series, ...]
    columns: tuple[int, ...]


def choose_series(count: int = 1, learns: bool = True) -> Given:
    """A table of one's own: a sample, a file or a pasted text; which `count` columns. Raises `TextError`.

    Where nothing `learns` of it, it may be as short as a model reads.
    """
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
    return _columns(_content(), count, learns)


def brought() -> tuple[bytes, str] | None:
    """The table that was brought, and what it is called; None for a sample."""
    found: tuple[bytes, str] | None = st.session_state.get(KEY + "brought")
    return found if now("sample") == OWN else None


def _content() -> bytes:
    """The table. Raises `TextError` where a link speaks of one that is not here."""
    from attnviz.errors import TextError

    if now("sample") != OWN:
        return run.sample_text(str(now("sample")))
    if (found := brought()) is None:
        raise TextError("series_table_missing")
    st.caption(t("series.not_in_link"))
    return found[0]


def _columns(content: bytes, count: int, learns: bool) -> Given:
    """The series that are guessed, or those of the columns that are chosen."""
    from attnviz.systems.series.series import LEAST

    fingerprint = run.mark(content)
    table = run.table(fingerprint, content)
    left, right = st.columns(2, gap="small") if count == 1 else (st.container(), st.container())
    with left:
        time = _choose_time(table)
    with right:
        columns = pick(table.value_columns, table.name, count)
    found = tuple(run.series(fingerprint, one, time, LEAST if learns else 2, table) for one in columns)
    return Given(fingerprint, found, columns)


def pick(options: Sequence[int], name: Callable[[int], str], count: int) -> tuple[int, ...]:
    """Which columns of numbers are read, `count` of them; the first of the options unless others are chosen.

    Raises `SeriesError` where there are fewer.
    """
    from attnviz.errors import SeriesError

    if len(options) < count:
        raise SeriesError("series_columns_few", channels=count, columns=len(options))
    wanted = [int(one) for one in str(now("value")).split(".") if one]
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= set(options):
        wanted = list(options[:count])
    box = f"{KEY}{'value' if count == 1 else 'values'}_box"
    if count == 1:
        st.session_state[box] = wanted[0]
        st.selectbox(t("series.value"), options, format_func=name, key=box, on_change=_take_value, args=(box,))
        return (wanted[0],)
    st.session_state[box] = wanted[:count]
    st.multiselect(
        t("series.values", count=count), options, format_func=name, key=box, max_selections=count,
        on_change=_take_value, args=(box,), help=t("series.values_help"),
    )  # fmt: skip
    return tuple(wanted[:count])


def _take_value(box: str) -> None:
    """Other columns were chosen."""
    found = st.session_state[box]
    put("value", ".".join(map(str, found)) if isinstance(found, list) else str(found))


def _choose_time(table: Table) -> int | None:
    """The column that says when: a number, -1 for several together, None for rows in their order."""
    from attnviz.systems.series.series import time_of

    times = {"parts": -1} if table.parted else {}
    choices: dict[str, int | None] = {**times, **{str(one): one for one in table.time_columns}, "rows": None}
    usual = next(name for name, one in choices.items() if one == time_of(table))
    box = KEY + "time_box"
    st.session_state[box] = now("time") if now("time") in choices else usual
    st.selectbox(t("series.column"), list(choices), format_func=_time_name(table), key=box, on_change=_take_time)
    return choices[str(st.session_state[box])]


def _time_name(table: Table) -> Callable[[str], str]:
    """What a column of times is called."""

    def name(one: str) -> str:
        return table.name(int(one)) if one.isdigit() else t(f"series.column_{one}")

    return name


def _take_time() -> None:
    put("time", st.session_state[KEY + "time_box"])


def _take_table(name: str) -> None:
    put("sample", name)
    _anew()


def _take_file() -> None:
    file = st.session_state[KEY + "upload"]
    if file is None:
        _take_table(SAMPLES[0])
    else:
        _take((file.getvalue(), file.name))


def _take_pasted() -> None:
    text = str(st.session_state[KEY + "pasted"] or "")
    if text.strip():
        _take((text.encode("utf-8", "replace"), ""))
    else:
        _take_table(SAMPLES[0])


def _take(content: tuple[bytes, str]) -> None:
    """A table was brought; where a link waited for it, its choices stand."""
    waited = now("sample") == OWN and brought() is None
    st.session_state[KEY + "brought"] = content
    put("sample", OWN)
    if not waited:
        _anew()


def _anew() -> None:
    """Another table: its columns are guessed, and nothing of it is changed."""
    put("value", "")
    put("time", "")
    put("channel", 0)
    forget_changes()
