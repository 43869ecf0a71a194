"""The sentence as text whose tokens light up by weight when one is pointed at, without asking the server."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import link
from attnviz.ui.kit.languages import language
from attnviz.ui.kit.rules import SHARED

if TYPE_CHECKING:
    from attnviz.selection import Selection
    from attnviz.trace import Trace


def asset(name: str) -> str:
    """One of the browser files of the app, by its place in attnviz/ui."""
    return files("attnviz.ui").joinpath(name).read_text(encoding="utf-8")


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    from attnviz.export import asset as shared

    return st.components.v2.component(
        "attnviz_reader", html='<div class="reader"></div>', css=shared("reader.css"), js=shared("reader.js")
    )


def draw_reader(run: Trace, selection: Selection, *, blanks: bool) -> None:
    """The tokens of the sentence; pointing shows weights, clicking chooses the query, ▢ blanks a token."""
    from attnviz.export import reader_data

    _component()(
        key=SHARED + "reader",
        data=reader_data(run, selection, language(), blanks=blanks),
        on_picked_change=_pick,
        on_blank_change=_blank,
    )


def _pick() -> None:
    """A token was clicked: it becomes the query."""
    picked = st.session_state[SHARED + "reader"].picked
    if picked is not None:
        link.choose(SHARED + "query", int(picked))


def _blank() -> None:
    """▢ under a token was clicked: blank it, or give it back."""
    blank = st.session_state[SHARED + "reader"].blank
    if blank is not None:
        same = st.session_state.get(SHARED + "blank") == int(blank)
        st.session_state[SHARED + "blank"] = None if same else int(blank)
