"""The address of the page is the link: every choice stands in the URL and comes back when it is opened.

Streamlit's own `bind="query-params"` writes the labels that a reader sees, which differ by language; so the values
are kept here, under short names that do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import streamlit as st
from streamlit.errors import StreamlitAPIException

from attnviz.ui.kit.link.history import QUIET

Value = str | int | float | bool | None
FOUND = ".found"  # after the key of a choice: what a page found for it while nobody had chosen


@dataclass(frozen=True)
class Param:
    """One choice in the URL: its short name, its key in the session, its value when nothing is said, its reader.

    `slides`: a number that moves on a slider, in many small steps.
    """

    name: str
    key: str
    default: Value
    read: Callable[[str], Value]
    slides: bool = False


def flag(text: str) -> bool:
    """ "1" is yes."""
    return text == "1"


def one_of(*allowed: str) -> Callable[[str], str]:
    """A reader that takes only the names given."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


def matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    """A reader that takes only texts which are as a whole what the pattern says."""

    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return read


def between(low: float, high: float, kind: type[int] | type[float]) -> Callable[[str], Value]:
    """A reader that takes only numbers of a kind from `low` to `high`."""

    def read(text: str) -> Value:
        number = kind(text)
        if not low <= number <= high:
            raise ValueError(text)
        return number

    return read


def restore(params: Mapping[str, Param], says: Mapping[str, str], *, anew: bool = False) -> None:
    """Put what an address says, and the defaults, where the controls will find them.

    What stands in the session stays there, unless the choices are taken `anew`; then only how the page is read does.
    """
    for param in params.values():
        if param.key in st.session_state and (not anew or param.name in QUIET):
            continue
        value = param.default
        if param.name in says:
            try:
                value = param.read(says[param.name])
            except ValueError:
                value = param.default  # a link with a slip still opens
        choose(param.key, value)


def choose(key: str, value: Value) -> None:
    """Make a choice: as a person or an address makes it, so that it stays and stands in the link."""
    st.session_state[key] = value
    st.session_state.pop(key + FOUND, None)


def find(key: str, value: Value) -> None:
    """Show what a page found itself for a choice that nobody has made; no link says it, and it may be found anew."""
    st.session_state[key] = st.session_state[key + FOUND] = value


def chosen(key: str) -> Value:
    """What a person or an address has chosen; None where nobody has."""
    value: Value = st.session_state[key]
    if value == st.session_state.get(key + FOUND):
        return None
    st.session_state.pop(key + FOUND, None)
    return value


def keep(params: Mapping[str, Param]) -> None:
    """Hold on to the choices of pages that are not shown: Streamlit forgets a control that it has not drawn."""
    for param in params.values():
        if param.key in st.session_state:
            st.session_state[param.key] = st.session_state[param.key]


def tell_again(params: Mapping[str, Param]) -> None:
    """Tell the browser once more what a page's controls hold: what a run set that was cut off it may not have heard.

    Streamlit sends a value that a page sets in one run alone. The page's are the keys that begin as those of its
    `params` do; buttons and files cannot be set, and what another page left is not held on to.
    """
    own = {param.key.partition(".")[0] for param in params.values()}
    for key, value in st.session_state.items():
        several = value if isinstance(value, list) else [value]
        settable = all(isinstance(one, str | int | float | date) and not isinstance(one, bool) for one in several)
        if several and settable and str(key).partition(".")[0] in own:
            with suppress(StreamlitAPIException):  # drawn already in this run, above the page
                st.session_state[key] = value


def said(params: Mapping[str, Param]) -> dict[str, str]:
    """What the address has to say: every choice that differs from its default."""
    found = {}
    for param in params.values():
        value = st.session_state.get(param.key, param.default)
        if value not in (None, param.default, st.session_state.get(param.key + FOUND)):
            found[param.name] = ("1" if value else "0") if isinstance(value, bool) else str(value)
    return found
