"""The sentence as text whose tokens light up by weight when one is pointed at, without asking the server."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.controls import KEY
from attnviz.ui.kit.language import t

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.core.rules import Rule
    from attnviz.trace import Trace


def asset(name: str) -> str:
    """One of the browser files of the app, by its place in attnviz/ui."""
    return files("attnviz.ui").joinpath(name).read_text(encoding="utf-8")


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component(
        "attnviz_reader", html='<div class="reader"></div>', css=asset("kit/reader.css"), js=asset("kit/reader.js")
    )


def draw_reader(trace: Trace, rule: Rule | None, layer: int, head: int, query: int, *, blanks: bool) -> None:
    """The tokens of the sentence; pointing shows weights, clicking chooses the query, ▢ blanks a token."""
    _component()(
        key=KEY + "reader",
        data=reader_data(trace, rule, layer, head, query, blanks=blanks),
        on_picked_change=_pick,
        on_blank_change=_blank,
    )


def reader_data(
    trace: Trace, rule: Rule | None, layer: int, head: int, query: int, *, blanks: bool
) -> dict[str, object]:
    """What the browser needs: labels, and three maps `[query, key]` of one byte a weight.

    Cross attention has two lines, the queries' and the `keys`'; else `keys` is None. The mean over all heads is that of
    the layers that have attention. `border` is the first token that the model wrote.
    """
    layers = {number: trace.weights(number, rule=rule).mean(0) for number in trace.open_layers}
    maps = {
        "head": trace.weights(layer, head, rule),
        "layer": layers[layer],
        "all": _mean(list(layers.values())),
    }
    keys = {"labels": trace.key_tokens, "special": list(trace.key_special)}
    return {
        "labels": trace.tokens,
        "special": list(trace.special),
        "keys": None if trace.looked_at is None else keys,
        "border": trace.border if trace.looked_at is None else None,
        "maps": {name: _bytes(weights) for name, weights in maps.items()},
        "picked": query,
        "blank": trace.blank,
        "blanks": blanks and trace.looked_at is None,
        "words": _words(),
    }


def _words() -> dict[str, str]:
    """What stands around the tokens, in the reader's language."""
    named = {name: t(f"reader_{name}", token="{token}") for name in ("blank", "look", "asked")}
    plain = {name: t(f"reader_{name}") for name in ("head", "layer", "all", "help", "queries", "keys", "answer")}
    return named | plain | {"label": t("alt_reader")}


def _mean(maps: list[Tensor]) -> Tensor:
    """The mean of some maps."""
    return sum(maps[1:], start=maps[0]) / len(maps)


def _bytes(weights: Tensor) -> str:
    """Weights 0 to 1 as base64 of one byte each."""
    return base64.b64encode((weights.clamp(0, 1) * 255).round().byte().numpy().tobytes()).decode()


def _pick() -> None:
    """A token was clicked: it becomes the query."""
    picked = st.session_state[KEY + "reader"].picked
    if picked is not None:
        st.session_state[KEY + "query"] = int(picked)


def _blank() -> None:
    """▢ under a token was clicked: blank it, or give it back."""
    blank = st.session_state[KEY + "reader"].blank
    if blank is not None:
        same = st.session_state.get(KEY + "blank") == int(blank)
        st.session_state[KEY + "blank"] = None if same else int(blank)
