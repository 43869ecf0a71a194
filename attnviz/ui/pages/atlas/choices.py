"""What the atlas asks: a model, the sentences it reads, two measures across and up, and a head."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    between,
    choose_any_model,
    choose_lines,
    flag,
    one_of,
    plain,
    rule_now,
    t,
)
from attnviz.ui.pages.atlas import run
from attnviz.ui.pages.atlas.run import ASKED_FOR, Asked, Brought

KEY = "atlas."
MEASURES = (
    "previous", "next", "itself", "same_word", "same_token", "induction", "punctuation", "first", "special", "left",
    "right", "entropy", "reach",
)  # fmt: skip
COMPONENTS = ("first_component", "second_component")
AXES = (*MEASURES, *ASKED_FOR, *COMPONENTS)
ORDERS = ("greedy", "alone", "gates")  # in which heads are taken away
USUAL = -1  # heads to keep: as few as will do
NO_HEAD = ""
MOST = 2_000  # sentences that are read in the page
PARAMS = {
    **RULE_PARAMS,
    "model": Param("model", KEY + "model", "lab-4", str),
    "across": Param("x", KEY + "across", "previous", one_of(*AXES)),
    "up": Param("y", KEY + "up", "entropy", one_of(*AXES)),
    "head": Param("head", KEY + "head", NO_HEAD, str),
    "lines": Param("lines", KEY + "lines", "", str),
    "effects": Param("without", KEY + "effects", False, flag),
    "copying": Param("copying", KEY + "copying", False, flag),
    "needed": Param("needed", KEY + "needed", False, flag),
    "by": Param("by", KEY + "by", ORDERS[0], one_of(*ORDERS)),
    "gates": Param("gates", KEY + "gates", False, flag),
    "corpus": Param("corpus", KEY + "corpus", "", str),
    "keep": Param("keep", KEY + "keep", USUAL, between(USUAL, 99_999, int)),
}
Head = tuple[int, int]


def choose_model() -> str:
    """A lab model, or any other."""
    return choose_any_model(KEY + "model")


def choose_asked(name: str) -> Asked:
    """The model and the sentences. Raises `TextError`."""
    lines = choose_lines(KEY + "lines", t("atlas.start"), t("atlas.lines_help"))
    if len(lines) > MOST:
        st.caption(t("atlas.cut", most=MOST, left=len(lines) - MOST))
    return Asked(name, tuple(lines[:MOST]), rule_now())


def bring_heads() -> None:
    """A file of the heads of a whole corpus. Raises `AttnvizError` for one that is none."""
    with st.popover(t("atlas.bring"), icon=":material/upload_file:"):
        st.file_uploader(
            t("atlas.bring_file"), ["parquet", "csv", "json"], key=KEY + "heads_file", on_change=_take_heads
        )
    refused: AttnvizError | None = st.session_state.pop(KEY + "heads_refused", None)
    if refused is not None:
        raise refused


def heads_brought() -> Brought | None:
    """The heads of the file that was brought, in the place of those of the sentences; it can be put away."""
    name = str(st.session_state[KEY + "corpus"])
    if not name:
        return None
    found = run.brought(name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if found is None:
            st.caption(t("atlas.corpus_gone"))
        else:
            st.caption(t("atlas.corpus_of", file=plain(found.file), model=plain(found.atlas.model)))
        st.button(t("atlas.corpus_close"), key=KEY + "close", icon=":material/close:", type="tertiary", on_click=_close)
    return found


def _take_heads() -> None:
    """A file of heads was brought: it takes the place of the sentences, and its model that of the model."""
    file = st.session_state[KEY + "heads_file"]
    if file is None:
        return
    try:
        name = run.keep_brought(file.getvalue(), file.name)
    except AttnvizError as refused:
        st.session_state[KEY + "heads_refused"] = refused
        return
    found = run.brought(name)
    st.session_state[KEY + "corpus"] = name
    if found is not None:
        st.session_state[KEY + "model"] = found.atlas.model


def _close() -> None:
    """The sentences again."""
    st.session_state[KEY + "corpus"] = ""


def choose_effects() -> bool:
    """Is every head to be removed in turn?"""
    st.toggle(t("atlas.effects"), key=KEY + "effects", help=t("atlas.effects_help"))
    return bool(st.session_state[KEY + "effects"])


def choose_copying() -> bool:
    """Is it to be found out which heads copy?"""
    st.toggle(t("atlas.copies"), key=KEY + "copying", help=t("atlas.copies_help"))
    return bool(st.session_state[KEY + "copying"])


def measure_name(measure: str) -> str:
    """What a measure is called."""
    return t(f"atlas.{measure}")


def choose_axes(known: Sequence[str], more: Sequence[str]) -> tuple[str, str]:
    """Which two measures lie across and up, of those that are `known`; `more` were measured beside the usual ones."""
    spread = COMPONENTS if len(known) > 1 else ()
    options = [one for one in AXES if one in known or one in more or one in spread]
    for column, name in zip(st.columns(2, gap="small"), ("across", "up"), strict=True):
        key = KEY + name
        if st.session_state[key] not in options:
            usual = str(PARAMS[name].default)
            st.session_state[key] = usual if usual in options else options[0]
        with column:
            st.selectbox(t(f"atlas.{name}"), options, key=key, format_func=measure_name)
    return str(st.session_state[KEY + "across"]), str(st.session_state[KEY + "up"])


def choose_head(places: Sequence[Head], usual: Head, said: dict[Head, str]) -> Head:
    """One head, the usual one where none was chosen; `said` is what each does."""
    names = {written(one): one for one in places}
    if st.session_state[KEY + "head"] not in names:
        st.session_state[KEY + "head"] = written(usual)
    st.selectbox(
        t("atlas.head"), list(names), key=KEY + "head", format_func=lambda one: f"{one}  {said[names[one]]}",
        help=t("atlas.head_help"),
    )  # fmt: skip
    return names[str(st.session_state[KEY + "head"])]


def take_head(places: Sequence[Head], chart: str) -> None:
    """A point was clicked."""
    points = st.session_state[chart].selection.points
    number = points[0].get("customdata", [-1])[0] if points else -1
    if 0 <= number < len(places):
        st.session_state[KEY + "head"] = written(places[number])


def written(head: Head) -> str:
    """A head as links, lists and sentences know it."""
    return f"{head[0]}.{head[1]}"


def named(heads: Sequence[Head], most: int) -> str:
    """The first of some heads, in a sentence; a dash where there is none."""
    found = t("atlas.comma").join(map(written, heads[:most])) or "–"
    return found + ("…" if len(heads) > most else "")


def offer_to_open(name: str, words: str, asked: Asked, more: dict[str, str]) -> None:
    """A button to *Any model* with the model and its first sentence, and what the link says `more`."""
    if st.button(words, key=KEY + name, icon=":material/open_in_new:"):
        st.switch_page("pages/models.py", query_params=run.link_of(asked) | more)
