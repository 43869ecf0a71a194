"""The models opened before: in this session, and in this browser, which keeps them for itself (`opened.js`)."""

from __future__ import annotations

from functools import cache
from secrets import token_hex

import streamlit as st

from attnviz.ui.kit.reader import asset

KEY = "opened."
MOST = 12
LONGEST = 1_000  # characters of a name that a browser hands over
Opened = tuple[str, str]  # name and revision


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_opened", html="<span></span>", js=asset("kit/opened.js"))


def before() -> list[Opened]:
    """The models that were opened, the last first."""
    return list(st.session_state.get(KEY + "list", []))


def remember(name: str, revision: str = "") -> None:
    """A model has been opened: it stands first."""
    one = (name, revision)
    _put([one, *(other for other in before() if other != one)])
    _component()(key=KEY + "keep", data={"keep": list(one)})


def ask() -> None:
    """Let the browser say which others were opened in it."""
    forgotten = st.session_state.get(KEY + "forgotten", "")
    data = {"ask": True, "known": [list(one) for one in before()], "forget": forgotten}
    _component()(key=KEY + "ask", data=data, on_found_change=_take_found)


def forget() -> None:
    """Forget them all, here and in the browser."""
    st.session_state[KEY + "forgotten"] = token_hex(4)
    _put([])


def _put(models: list[Opened]) -> None:
    st.session_state[KEY + "list"] = models[:MOST]


def _take_found() -> None:
    """What the browser has kept, after what this session has opened."""
    found = [_valid(one) for one in st.session_state[KEY + "ask"]["found"] or []]
    _put(list(dict.fromkeys([*before(), *(one for one in found if one is not None)])))


def _valid(one: object) -> Opened | None:
    """A name and a revision; None for anything else that a browser may say."""
    if not isinstance(one, list | tuple) or len(one) != 2 or not all(isinstance(part, str) for part in one):
        return None
    name, revision = one
    return (name, revision) if name.strip() and len(name) + len(revision) <= LONGEST else None
