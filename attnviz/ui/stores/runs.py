"""The engine, called once for each (model, text, rule, blank) and kept for everyone who asks the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import MODELS, SOFT, RuleChoice, as_rule

if TYPE_CHECKING:
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

    return {name: mean_head_distance(trace(name, text, SOFT)) for name in MODELS}


def card(name: str) -> Card | None:
    """The figures of the model's card."""
    from attnviz.models import read_card

    return read_card(name)
