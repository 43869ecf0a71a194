"""What the page of BERT and GPT asks: one sentence, one token, a head of both, how much GPT writes; and its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import RULE_PARAMS, SOFT, Param, RuleChoice, as_rule, between, choose_token, nearest, runs, t

if TYPE_CHECKING:
    from attnviz.trace import Trace

KEY = "directions."
BERT, GPT = "lab-4", "lab-gpt"
START = "这座桥是世界上最长的桥。"
SAMPLES = (START, "南京市长江大桥", "他出生于一九八零年。", "He was born in London and moved to Paris.")
MOST_WRITTEN = 30  # tokens
PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", KEY + "text", START, str),
    "token": Param("token", KEY + "token", 2, between(0, 999, int)),
    "layer": Param("layer", KEY + "layer", 3, between(0, 99, int)),
    "head": Param("head", KEY + "head", 1, between(0, 99, int)),
    "most": Param("most", KEY + "most", 12, between(1, MOST_WRITTEN, int), slides=True),
    "step": Param("step", KEY + "step", 1, between(1, MOST_WRITTEN, int), slides=True),
}


def choose_hidden(run: Trace) -> int:
    """Which token is blanked in BERT, and is still to come in GPT?"""
    open_tokens = [number for number, special in enumerate(run.special) if not special]
    return choose_token(
        KEY + "token", run.tokens, t("directions.token"), open_tokens, t("directions.token_help")
    )  # fmt: skip


def pair(text: str, token: int, rule: RuleChoice) -> tuple[Trace, Trace]:
    """The sentence in BERT with the token blanked, and in GPT, both computed with the rule."""
    return runs.trace(BERT, text, rule, token), runs.trace(GPT, text, rule)


@runs.kept
def written(text: str, token: int, rule: RuleChoice, most: int) -> Trace:
    """GPT going on from what stands before the token, computed with the rule in every step."""
    from attnviz.recording.generate import generate

    start = runs.trace(GPT, text, SOFT).encoded.first(token)
    return generate(runs.model(GPT), start, most=most, rule=as_rule(rule))


def choose_most() -> int:
    """How many tokens GPT writes."""
    return int(st.slider(t("directions.most"), 1, MOST_WRITTEN, key=KEY + "most"))


def choose_step(pieces: list[str]) -> int:
    """Which of the tokens that GPT wrote is looked at? Counted from 1."""
    steps = list(range(1, len(pieces) + 1))
    nearest(KEY + "step", steps)
    return int(
        st.select_slider(
            t("directions.step"), steps, key=KEY + "step",
            format_func=lambda number: f"{number} · {pieces[number - 1]}",
        )
    )  # fmt: skip
