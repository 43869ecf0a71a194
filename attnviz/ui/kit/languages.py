"""Which language the reader reads, and every label in it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

import streamlit as st

from attnviz import settings
from attnviz.messages import LANGUAGES, say, table
from attnviz.ui.kit import link

TOUCH = "_touch"  # ends the name of a message for screens that are touched
LISTED = "_listed"  # ends the name of a message for where models are chosen from a list and none is named
TOUCHED = "frame.touched"  # what the browser told of its screen: an iPad calls itself a Mac
NAMES = {"zh": "中文", "en": "English"}


def preferred() -> str:
    """The language of the reader's browser."""
    return of_locale(st.context.locale or "")


def of_locale(locale: str) -> str:
    """Chinese for any zh locale, English otherwise; a browser's list of locales goes by its first."""
    return "zh" if locale.lower().startswith("zh") else "en"


def language() -> str:
    """The language now chosen, "zh" or "en"."""
    chosen = st.session_state.get("lang")
    return chosen if chosen in LANGUAGES else preferred()


def t(key: str, /, **values: object) -> str:
    """The message `ui.<key>` (or `<group>.<key>` when the key has a dot) in the reader's language.

    Where no model may be named it is `<key>_listed`, where there is one: nobody is invited to what cannot be done. On a
    screen that is touched it is the message `<key>_touch`: a finger cannot point.
    """
    name = key if "." in key else f"ui.{key}"
    spoken = language()
    if f"{name}{LISTED}" in table(spoken) and listed():
        name += LISTED
    if f"{name}{TOUCH}" in table(spoken) and touched():
        name += TOUCH
    return say(name, spoken, **values)


def listed() -> bool:
    """Are models chosen from a list alone, and none named?"""
    return not settings.now().any_model


def joined(sentences: Iterable[str]) -> str:
    """Sentences one after the other, as the reader's language writes them."""
    return ("" if language() == "zh" else " ").join(sentences)


def touched() -> bool:
    """Is the screen one that is touched? As its browser told (`frame.js`); before that, as it calls itself."""
    told = st.session_state.get(TOUCHED)
    if told is not None:
        return bool(told)
    return "Mobi" in (st.context.headers.get("User-Agent") or "")


def article(name: str) -> str:
    """A long explanation, Markdown, in the reader's language."""
    return files("attnviz").joinpath("content", language(), f"{name}.md").read_text(encoding="utf-8")


def own_language(key: str) -> str:
    """The language that something on the page is written in, a choice of its own: the reader's until one is chosen."""
    if link.chosen(key) is None and st.session_state[key] != language():
        link.find(key, language())
    return str(st.session_state[key])


def language_picker() -> None:
    """中文 or English."""
    st.segmented_control(
        t("language"), LANGUAGES, format_func=NAMES.__getitem__, key="lang", required=True, label_visibility="collapsed"
    )
