"""What the page of target attention asks: a question or a word, another text, how they are compared; and its runs."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, cast

import streamlit as st

from attnviz.selection import SCALES
from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    RuleChoice,
    as_rule,
    between,
    choose_cell,
    choose_rule,
    choose_scale,
    offer_samples,
    one_of,
    rule_now,
    runs,
    t,
)

if TYPE_CHECKING:
    from attnviz.selection import Scale
    from attnviz.systems.target.system import TargetWords
    from attnviz.trace import Trace

KEY = "target."
NAME = "target-words"
SIMILARITIES = ("dot", "scaled", "general", "additive", "cosine")
SAMPLES = (
    ("I want to drink some water.", "他去学校了。我想喝水。火车几点开？"),
    ("dog", "狗在花园里睡觉，猫在屋顶上。"),
    ("Where is the dog?", "狗在花园里睡觉，猫在屋顶上。"),
    ("老师", "My teacher gave me a book yesterday."),
    ("谁买了书？", "My teacher bought a book at school. Tom went home."),
    ("昨天", "昨天下雨了，今天天气很好。"),
)
START = (5, 9)  # of the first sample: "water" and 水
WIDEST = 20  # letters of a text in the name of a sample
PARAMS = {
    **RULE_PARAMS,
    "target": Param("target", KEY + "target", SAMPLES[0][0], str),
    "text": Param("text", KEY + "text", SAMPLES[0][1], str),
    "similarity": Param("similarity", KEY + "similarity", "scaled", one_of(*SIMILARITIES)),
    "query": Param("query", KEY + "query", START[0], between(0, 99_999, int)),
    "key": Param("key", KEY + "key", START[1], between(0, 99_999, int)),
    "scale": Param("scale", KEY + "scale", "unit", one_of(*SCALES)),
}


def choose_texts() -> None:
    """The target, the text, and samples of both."""
    first, second = st.columns([4, 8], gap="small")
    with first:
        st.text_input(t("target.target"), key=KEY + "target", placeholder=t("target.target_placeholder"))
    with second:
        st.text_input(t("target.text"), key=KEY + "text", placeholder=t("text_placeholder"))
    offer_samples(
        KEY + "sample", range(len(SAMPLES)), _take_sample, format_func=_named_sample, label_visibility="collapsed"
    )  # fmt: skip


def _named_sample(number: int) -> str:
    """A sample in a few words."""
    target, text = SAMPLES[number]
    return f"{_few(target)} → {_few(text)}"


def _few(words: str) -> str:
    """As much of a text as two of them leave room for on a phone; a Chinese character is as wide as two letters."""
    widths = list(accumulate(1 if character.isascii() else 2 for character in words))
    return words if widths[-1] <= WIDEST else words[: sum(width < WIDEST for width in widths)].rstrip() + "…"


def _take_sample(number: int) -> None:
    """Put the sample that was clicked into both boxes."""
    st.session_state[KEY + "target"], st.session_state[KEY + "text"] = SAMPLES[number]
    st.session_state[KEY + "query"], st.session_state[KEY + "key"] = (0, 0) if number else START


def choose_computation() -> None:
    """In the sidebar: how query and key are compared, and how scores become weights."""
    names = {name: t(f"target.{name}") for name in SIMILARITIES}
    with st.sidebar:
        st.radio(
            t("target.similarity"), SIMILARITIES, format_func=names.__getitem__, key=KEY + "similarity",
            help=t("target.similarity_help"),
        )  # fmt: skip
        choose_rule()
        choose_scale(PARAMS["scale"])


def now(name: str) -> str:
    """What is chosen or typed."""
    return str(st.session_state[PARAMS[name].key] or "")


def scale_now() -> Scale:
    """The scale of the colours."""
    return cast("Scale", now("scale") or "unit")


def system() -> TargetWords:
    """The five similarities, loaded once for all readers."""
    from attnviz.systems.target.system import load

    return load(NAME)


@runs.kept
def looked(target: str, text: str, similarity: str, rule: RuleChoice) -> Trace:
    """What the target looks at in the text."""
    return system().look(target, text, similarity=similarity, rule=as_rule(rule))


def run() -> Trace:
    """The run of what stands in the boxes. Raises `TextError` where there is nothing to read."""
    with st.spinner(t("running", model=NAME), show_time=True):
        return looked(now("target"), now("text"), now("similarity"), rule_now())


def choose_pair(trace: Trace) -> tuple[int, int]:
    """Which token looks, and which key is explained; numbers that are not there become the last."""
    return choose_cell(trace, KEY)
