"""What the pages on sparse attention and on its limits ask alike: a sentence, a model, a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.controls import MODELS
from attnviz.ui.kit.language import t

if TYPE_CHECKING:
    from attnviz.trace import Trace

BUILT_IN = (*MODELS, "lab-gpt")
START = "中华人民共和国成立了七十多年，人民的生活有了很大的变化。"
SAMPLES = (
    START,
    "他把书还给了图书馆，然后去超市买了一些水果和牛奶。",
    "She is one of the best players in the history of the game.",
    "The dog chased the cat because it was hungry and tired.",
)
STARTING = 2  # 华, of 中华人民共和国: what gives it away stands three tokens on


def choose_sentence(key: str) -> str:
    """A text box of the page `key`, with samples beside it. A chosen token belongs to the text it was chosen in."""
    box, samples = st.columns([5, 7], vertical_alignment="bottom", gap="small")
    with box:
        st.text_input(t("text"), key=f"{key}text", placeholder=t("text_placeholder"), on_change=_forget, args=(key,))
    with samples:
        st.pills(
            t("samples"), SAMPLES, key=f"{key}sample", on_change=_take, args=(key,),
            format_func=lambda sample: sample if len(sample) < 16 else sample[:15] + "…",
        )  # fmt: skip
    return str(st.session_state[f"{key}text"] or "")


def _forget(key: str) -> None:
    st.session_state[f"{key}at"] = None


def _take(key: str) -> None:
    """Put the sample that was clicked into the box."""
    sample = st.session_state[f"{key}sample"]
    if sample:
        st.session_state[f"{key}text"] = sample
        st.session_state[f"{key}sample"] = None
        _forget(key)


def choose_model(key: str) -> str:
    """A lab model, or any Hub id, folder or GGUF file that is typed."""
    current = str(st.session_state[f"{key}model"] or MODELS[2]).strip()
    st.selectbox(
        t("any_model"), list(dict.fromkeys([*BUILT_IN, current])), key=f"{key}model", accept_new_options=True,
        help=t("any_model_help"), placeholder=t("any_model_placeholder"), on_change=_forget, args=(key,),
    )  # fmt: skip
    return current


def choose_token(key: str, plain: Trace, masked: bool) -> int:
    """Which token is asked about: the one that is blanked, or after which a model writes on. The last unless chosen.

    A model that fills blanks is asked about a [MASK] of the text, or else about the token in the middle.
    """
    labels, special = plain.tokens, plain.special
    options = [at for at in range(len(labels)) if not masked or not special[at] or labels[at] == "[MASK]"]
    options = options or list(range(len(labels)))
    if st.session_state[f"{key}at"] not in options:
        st.session_state[f"{key}at"] = _usual(plain, options, masked)
    chosen: int = st.selectbox(
        t("asking.blank" if masked else "asking.query"), options, key=f"{key}at",
        format_func=lambda at: f"{at} · {labels[at]}", help=t("asking.blank_help" if masked else "asking.query_help"),
    )  # fmt: skip
    return chosen


def _usual(plain: Trace, options: Sequence[int], masked: bool) -> int:
    """The token that is asked about while nobody has chosen one."""
    if not masked:
        return options[-1]
    if "[MASK]" in plain.tokens:
        return plain.tokens.index("[MASK]")
    return STARTING if plain.text == START and STARTING in options else options[len(options) // 2]
