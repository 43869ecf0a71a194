"""What the page of scaled dot-product attention asks: a sentence, what is done with the products, a place; its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    MODELS,
    RULE_PARAMS,
    SOFT,
    START,
    Param,
    as_rule,
    between,
    choose_cell,
    choose_head,
    choose_lab_model,
    choose_one,
    choose_rule,
    flag,
    one_of,
    plain,
    rule_now,
    runs,
    t,
    value_of,
)

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.trace import Trace

KEY = "scaled."
MASKS = ("none", "causal", "hide", "window")
WIDEST_WINDOW = 16
PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", KEY + "text", START, str),
    "model": Param("model", KEY + "model", "lab-4", one_of(*MODELS)),
    "layer": Param("layer", KEY + "layer", 3, between(0, 999, int)),
    "head": Param("head", KEY + "head", 2, between(0, 999, int)),
    "query": Param("query", KEY + "query", 3, between(0, 99_999, int)),
    "key": Param("key", KEY + "key", 4, between(0, 99_999, int)),
    "scaled": Param("scaled", KEY + "scaled", True, flag),
    "mask": Param("mask", KEY + "mask", "none", one_of(*MASKS)),
    "window": Param("window", KEY + "window", 2, between(0, WIDEST_WINDOW, int), slides=True),
    "draw": Param("draw", KEY + "draw", 0, between(0, 99, int), slides=True),
}


def choose_computation() -> None:
    """In the sidebar: what is done with the products."""
    with st.sidebar:
        choose_lab_model(PARAMS["model"])
        st.toggle(t("scaled.scale_on"), key=KEY + "scaled", help=t("scaled.scale_help"))
        mask = choose_one(
            PARAMS["mask"], MASKS, t("scaled.mask"), lambda name: t(f"scaled.mask_{name}"), t("scaled.mask_help")
        )
        if mask == "window":
            st.slider(t("scaled.window"), 0, WIDEST_WINDOW, key=KEY + "window")
        choose_rule()


def model_now() -> str:
    """The model that is chosen."""
    return value_of(PARAMS["model"])


def is_scaled() -> bool:
    """Are the products divided by the root of the width?"""
    return bool(st.session_state[KEY + "scaled"])


def own_run(text: str) -> Trace:
    """The model's own run of the sentence. Raises `TextError` where there is nothing to read."""
    name = model_now()
    with st.spinner(t("running", model=plain(name)), show_time=True):
        return runs.trace(name, text, SOFT)


def choose_place(trace: Trace) -> tuple[int, int, int, int]:
    """Layer, head, query and key; numbers that the run does not have become its last."""
    places = st.columns(4, gap="small")
    return *choose_head(trace, KEY, places[:2]), *choose_cell(trace, KEY, places[2:])


def changed_run(trace: Trace, layer: int, key: int) -> Trace:
    """The layer computed again from its queries, keys and values, as the controls say."""
    from attnviz.measures.steps import again

    rule = as_rule(rule_now())
    return again(trace, layer, scaled=is_scaled(), allowed=_allowed(trace, key), rule=rule)


def _allowed(trace: Trace, key: int) -> Tensor | None:
    """Who may look at whom by the chosen mask."""
    from attnviz.core import masks

    count, chosen = len(trace.tokens), value_of(PARAMS["mask"])
    if chosen == "none":
        return None
    if chosen == "causal":
        return masks.Causal().allowed(count, count)
    if chosen == "window":
        return masks.Window(int(st.session_state[KEY + "window"])).allowed(count, count)
    allowed = masks.Window(count).allowed(count, count)
    allowed[:, key] = False
    return allowed


def choose_draw() -> None:
    """Other random vectors."""
    st.slider(t("rule.seed"), 0, 99, key=KEY + "draw")


def draw_now() -> int:
    """Which random vectors."""
    return int(st.session_state[KEY + "draw"])
