"""The engine, called once for each (model, text, rule, blank) and kept for everyone who asks the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.controls import MODELS, RuleChoice

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.models import Card, Model
    from attnviz.trace import Trace

MOST_RUNS = 32  # a trace of 256 tokens holds about 11 MB, most of it the predictions


def cold() -> bool:
    """Has no one needed PyTorch yet? Then the first picture takes seconds."""
    return "torch" not in sys.modules


@st.cache_resource(max_entries=8, show_spinner=False)
def model(name: str) -> Model:
    """The model of that name, loaded once for all readers."""
    from attnviz.models import load

    return load(name)


@st.cache_resource(max_entries=MOST_RUNS, show_spinner=False)
def trace(name: str, text: str, rule: RuleChoice, blank: int | None = None) -> Trace:
    """What the model did with the text, computed with that rule in every layer."""
    from attnviz.recording.record import record

    return record(model(name), text, rule=as_rule(rule), blank=blank)


@st.cache_data(max_entries=MOST_RUNS, show_spinner=False)
def head_distances(text: str) -> dict[str, float | None]:
    """How different are the heads of each lab model on this text? Mean Jensen-Shannon divergence in bits."""
    from attnviz.measures import mean_head_distance
    from attnviz.ui.kit.controls import SOFT

    return {name: mean_head_distance(trace(name, text, SOFT)) for name in MODELS}


def card(name: str) -> Card | None:
    """The figures of the model's card."""
    from attnviz.models import read_card

    return read_card(name)


def as_rule(choice: RuleChoice) -> Rule:
    """The engine's rule for a choice."""
    from attnviz.core import rules

    number = choice.number
    if choice.name == "soft":
        return rules.Soft(float(number or 1.0))
    if choice.name == "top-k":
        return rules.TopK(int(number or 1), choice.renormalise)
    if choice.name == "threshold":
        return rules.Threshold(float(number or 0.0), choice.renormalise)
    if choice.name == "top-p":
        return rules.TopP(float(number or 1.0), choice.renormalise)
    if choice.name == "argmax":
        return rules.Argmax(choice.renormalise)
    if choice.name == "sample":
        return rules.Sample(int(number or 0), choice.renormalise)
    return rules.Sparsemax() if choice.name == "sparsemax" else rules.Entmax(float(number or 1.5))
