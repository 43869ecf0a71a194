"""What will a run over a long text take on this machine? Said before it begins, from sizes and a measured speed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from attnviz.models import Model

SIDE, TURNS = 768, 5  # of the matrices whose product is timed, and how often
SHARE = 0.5  # of that speed is what whole models reach on a processor: attention and norms wait for memory


@dataclass(frozen=True)
class Cost:
    """What a run is expected to take: tokens, seconds, bytes beside the model's own."""

    tokens: int
    seconds: float
    bytes: int


@st.cache_resource(show_spinner=False, ttl=600)  # one number: 24 bytes
def speed() -> float:
    """How many multiplications and additions does this machine do in a second? Measured, for it may be busy."""
    import torch

    one = torch.rand(SIDE, SIDE)
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        torch.mm(one, one)
        times.append(time.perf_counter() - start)
    return 2 * SIDE**3 / median(times)


def operations(model: Model, tokens: int) -> float:
    """Two for each parameter and token, and the products of queries with keys and of weights with values.

    Kaplan et al. 2020, table 1; the embedding, which is looked up, is counted once as the prediction of words. Where
    a token sees only those before it, half of the products are left out.
    """
    config = getattr(model.network.config, "text_config", model.network.config)
    width = getattr(config, "hidden_size", None) or getattr(config, "d_model", None) or 0
    layers = getattr(config, "num_hidden_layers", None) or getattr(config, "num_layers", None) or 0
    pairs = tokens**2 / 2 if model.kind == "causal" else tokens**2
    return float(2 * model.parameters * tokens + 4 * layers * width * pairs)


def expected(model: Model, tokens: int) -> Cost:
    """What will a run over so many tokens take on this machine?"""
    from attnviz.adapter.outputs import may_skip
    from attnviz.models.memory import forecast, recorded

    config = model.network.config
    seconds = operations(model, tokens) / (SHARE * speed())
    held = recorded(config, tokens, predictions=not may_skip(model.network))
    return Cost(tokens, seconds, forecast(config, tokens) if model.eager else held)


def amount(count: int) -> str:
    """Bytes as a person says them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
