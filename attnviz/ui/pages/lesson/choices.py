"""What the first lesson asks: a sentence, a step, an answer before looking, and one thing to try in each step."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from attnviz.ui.kit import LANGUAGE, LESSONS, Param, between, chosen, find, language, nearest, numbered, t

KEY = "lesson."
STEPS = (1, 2, 3, 4, 5)
SENTENCES = LESSONS
SHOW = -1  # the answer of those who would rather look at once
LEAST, MOST, START = 0.2, 4.0, 2.0  # of the temperature
PARAMS = {
    "lang": LANGUAGE,
    "step": Param("step", KEY + "step", 1, between(STEPS[0], STEPS[-1], int)),
    "text": Param("text", KEY + "text", None, str),  # None: the sentence of the reader's language
    "ask": Param("ask", KEY + "ask", None, between(0, 99_999, int)),
    "key": Param("key", KEY + "key", None, between(0, 99_999, int)),
    "layer": Param("layer", KEY + "layer", None, between(0, 999, int)),
    "temperature": Param("T", KEY + "temperature", START, between(LEAST, MOST, float), slides=True),
    **{f"answer{step}": Param(f"a{step}", f"{KEY}a{step}", None, between(SHOW, 99_999, int)) for step in STEPS},
}


def choose_sentence() -> str:
    """The sentence of all steps: the reader's own, or that of the language."""
    if chosen(KEY + "text") is None:
        find(KEY + "text", SENTENCES[language()][0])
    st.text_input(t("lesson.sentence"), key=KEY + "text", placeholder=t("text_placeholder"), on_change=_forget_sentence)
    return str(st.session_state[KEY + "text"] or "")


def step_now() -> int:
    """The step that is open."""
    return int(st.session_state[KEY + "step"])


def go(step: int) -> None:
    """Open a step."""
    st.session_state[KEY + "step"] = step


def asking_now(open_tokens: Sequence[int], usual: int) -> int:
    """Which token asks: the one that is chosen, or else the `usual` one."""
    return _now("ask", open_tokens, usual)


def usual_asking(text: str) -> int | None:
    """The token that asks in the sentence that the lesson brings along; None of any other."""
    return dict(SENTENCES.values()).get(text)


def _now(name: str, options: Sequence[int], usual: int) -> int:
    """What is chosen of a few, or else the `usual` one, which no link names."""
    if chosen(KEY + name) not in options:
        find(KEY + name, usual)
    return int(st.session_state[KEY + name])


def choose_asking(labels: Sequence[str], open_tokens: Sequence[int]) -> None:
    """Another token that asks; what was answered belongs to the one before."""
    st.selectbox(
        t("lesson.try_ask"), open_tokens, key=KEY + "ask", format_func=lambda at: numbered(labels, at),
        on_change=_forget_answers,
    )  # fmt: skip


def choose_key(labels: Sequence[str], usual: int) -> int:
    """Which key's strip is multiplied with the query's."""
    _now("key", range(len(labels)), usual)
    nearest(KEY + "key", range(len(labels)))
    st.selectbox(
        t("lesson.try_key"), range(len(labels)), key=KEY + "key", format_func=lambda at: numbered(labels, at)
    )  # fmt: skip
    return int(st.session_state[KEY + "key"])


def key_now(labels: Sequence[str], usual: int) -> int:
    """Which key's strip is shown, before its control is drawn."""
    return _now("key", range(len(labels)), usual)


def layer_now(layers: Sequence[int], usual: int) -> int:
    """Which layer's heads are shown, before its control is drawn."""
    return _now("layer", layers, usual)


def choose_layer(layers: Sequence[int]) -> None:
    """Another layer's heads."""
    st.selectbox(t("lesson.try_layer"), layers, key=KEY + "layer")


def temperature_now() -> float:
    """By what the scores are divided before softmax."""
    return float(st.session_state[KEY + "temperature"])


def choose_temperature() -> None:
    """Divide the scores by another number."""
    st.slider(t("lesson.try_temperature"), LEAST, MOST, step=0.1, key=KEY + "temperature")


def answer_now(step: int) -> int | None:
    """What was answered in a step; None while nobody has."""
    answer: int | None = st.session_state[f"{KEY}a{step}"]
    return answer


def give(step: int, answer: int) -> None:
    """Answer the question of a step."""
    st.session_state[f"{KEY}a{step}"] = answer


def _forget_answers() -> None:
    """Answers belong to the sentence and the token that they were given for, and so does what was tried."""
    for step in STEPS:
        st.session_state[f"{KEY}a{step}"] = None
    for name in ("key", "layer"):
        st.session_state[KEY + name] = None


def _forget_sentence() -> None:
    """Another sentence has other tokens."""
    _forget_answers()
    st.session_state[KEY + "ask"] = None
