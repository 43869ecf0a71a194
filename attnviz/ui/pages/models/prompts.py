"""What the models page lets a reader say of a text beside the text itself: which languages it is in and goes into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import Param, t
from attnviz.ui.pages.models import changes

if TYPE_CHECKING:
    from attnviz.models import Model

KEY = changes.KEY
PARAMS = {
    "source": Param("from", KEY + "source", "", str),
    "into": Param("into", KEY + "into", "", str),
}


def choose_languages(model: Model) -> None:
    """The language of the text, and of what is written, where the model's tokenizer can be told one."""
    known = model.languages
    if not known:
        return
    usual = {name: _usual(code) for name, code in zip(PARAMS, model.usual_languages, strict=True)}
    for name, place in zip(_told(model), st.columns(2, gap="small"), strict=False):
        key = PARAMS[name].key
        chosen = str(st.session_state[key] or "")
        st.session_state[key] = chosen
        place.selectbox(
            t(f"prompts.{name}"), list(dict.fromkeys(["", *known, chosen])), key=key, help=t(f"prompts.{name}_help"),
            format_func=lambda code, own=usual[name]: code or own,
        )  # fmt: skip


def _usual(code: str | None) -> str:
    """What stands for the language that the model takes where it is told none."""
    return t("prompts.usual", code=code) if code else t("prompts.not_told")


def _told(model: Model) -> tuple[str, ...]:
    """Which of the two can be told: one that does not write is asked for no language to write in."""
    return tuple(PARAMS) if model.kind == "seq2seq" else ("source",)


def languages_of(model: Model) -> tuple[str, str]:
    """The languages that are chosen for text and target, "" where the model's usual one is meant."""
    if not model.languages:
        return "", ""
    told = _told(model)
    source, into = (str(st.session_state[PARAMS[name].key] or "") if name in told else "" for name in PARAMS)
    return source, into


def forget() -> None:
    """A language is one of its model's."""
    for param in PARAMS.values():
        st.session_state[param.key] = param.default
