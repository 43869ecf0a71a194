"""What the page on limits asks: a sentence, a model, what is hidden, where edges are removed; and its runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    BUILT_IN,
    LINKED_START,
    RULE_PARAMS,
    SOFT,
    Param,
    RuleChoice,
    as_rule,
    between,
    choose_asked_model,
    choose_asked_text,
    choose_asked_token,
    choose_head,
    choose_one,
    model_store,
    one_of,
    open_model,
    plain,
    rule_now,
    runs,
    t,
    work,
)

if TYPE_CHECKING:
    from attnviz.experiments.edges import Edges
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = "limits."
HIDDEN = ("first", "last", "both")
PLACES = ("all", "layer", "head")
Where = tuple[()] | tuple[int] | tuple[int, int]  # everywhere, in a layer, in a head of it
Key = tuple[str, str, int, RuleChoice, Where]
PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", KEY + "text", LINKED_START, str),
    "model": Param("model", KEY + "model", "lab-4", str),
    "at": Param("at", KEY + "at", None, between(0, 99_999, int)),
    "hide": Param("hide", KEY + "hide", "both", one_of(*HIDDEN)),
    "place": Param("place", KEY + "place", "all", one_of(*PLACES)),
    "layer": Param("layer", KEY + "layer", 0, between(0, 999, int)),
    "head": Param("head", KEY + "head", 0, between(0, 999, int)),
}


def choose_model() -> str:
    """A lab model, or any other."""
    return choose_asked_model(KEY)


def choose_sentence() -> str:
    """The text, and some to try."""
    return choose_asked_text(KEY)


@runs.kept
def trace(
    name: str, text: str, blank: int | None = None, rule: RuleChoice = SOFT, hidden: tuple[int, ...] = ()
) -> Trace:
    """What the model did, some tokens hidden from all. Raises `AttnvizError`."""
    from attnviz.core.interventions import HideToken
    from attnviz.recording.record import record

    changes = tuple(HideToken(token) for token in hidden)
    given = None if rule == SOFT else as_rule(rule)
    return record(model_store().take(name), text, blank=blank, rule=given, interventions=changes)


def read(name: str, text: str) -> tuple[Model, Trace, int, int | None]:
    """The model, its run, the token that is asked about, and the blank. Raises `AttnvizError`."""
    model = open_model(name)
    with st.spinner(t("running", model=plain(name)), show_time=True):
        untouched = trace(name, text)
    at, blank = choose_asked_token(KEY, untouched, model.mask_id is not None)
    with st.spinner(t("running", model=plain(name)), show_time=True):
        return model, trace(name, text, blank, rule_now()), at, blank


def lab_model(name: str) -> Model:
    """A model that comes with the app."""
    return runs.model(name)


def choose_hidden(found: Trace, gatherers: list[int]) -> tuple[int, ...]:
    """Which of the tokens that gather weight are hidden from all."""
    if len(gatherers) == 1:
        return tuple(gatherers)
    chosen = st.segmented_control(
        t("limits.hide"), HIDDEN, key=KEY + "hide", required=True, wrap=True, help=t("limits.hide_help"),
        format_func=lambda one: " + ".join(found.key_tokens[token] for token in _hidden(one, gatherers)),
    ) or "both"  # fmt: skip
    return _hidden(chosen, gatherers)


def _hidden(which: str, gatherers: list[int]) -> tuple[int, ...]:
    return {"first": tuple(gatherers[:1]), "last": tuple(gatherers[-1:]), "both": tuple(gatherers)}[which]


def choose_place(found: Trace) -> Where:
    """Where an edge is removed: everywhere, in a layer or in a head."""
    where, one, two = st.columns([5, 2, 2], gap="small")
    with where:
        place = choose_one(
            PARAMS["place"], PLACES, t("limits.place"), lambda name: t(f"limits.place_{name}"), t("limits.place_help")
        )
    off = {"all": ("layer", "head"), "layer": ("head",)}.get(place, ())
    layer, head = choose_head(found, KEY, (one, two), off=off)
    return () if place == "all" else (layer,) if place == "layer" else (layer, head)


def edges(key: Key, model: Model, found: Trace) -> Edges | None:
    """Each edge of the row removed in turn, how far it is shown; None until someone asks for it of a large model."""
    from attnviz.experiments.edges import edge_effects

    kept = runs.key_of(KEY + "edges", key, key[0])
    tried: Edges | None = runs.traces().get(kept)
    if tried is not None:
        return tried
    asks = key[0] not in BUILT_IN or st.session_state.get(KEY + "edges_stopped") == key
    if asks and not st.button(t("limits.edges_go"), icon=":material/play_arrow:"):
        return None
    st.session_state.pop(KEY + "edges_stopped", None)
    with work.watched(
        KEY + "edges_stop", t("limits.removing", done=0, of="…"), on_stop=partial(_stop_edges, key)
    ) as bar:
        tried = runs.traces().take(
            kept,
            lambda: edge_effects(
                model, found, key[2], where=key[4],
                on_edge=lambda done, of: bar.progress(done / of, t("limits.removing", done=done, of=of)),
            ),
        )  # fmt: skip
    return tried


def _stop_edges(key: Key) -> None:
    """Stop was pressed: this row is not tried by itself again."""
    st.session_state[KEY + "edges_stopped"] = key
