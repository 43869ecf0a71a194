"""Plotly figures on the screen, and what a screen reader hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.controls import KEY
from attnviz.ui.kit.language import language, t

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.figures import Figure, Scale
    from attnviz.text.units import Unit
    from attnviz.trace import Trace

BAR = {
    "displaylogo": False,
    "scrollZoom": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 3, "filename": "attnviz"},
}
HEIGHT = 416


def css_class(key: str) -> str:
    """The class that Streamlit gives the element of a key, for components that look for it in the page."""
    return f"st-key-{key}".replace(".", "-")


def dark() -> bool:
    """Does the reader's screen show the dark theme?"""
    return st.context.theme.type == "dark"


def draw(figure: Figure, key: str, alt: str) -> None:
    """Any figure; `alt` says in a sentence what it shows."""
    st.plotly_chart(figure, key=key, theme=None, config=BAR, alt=alt)


def draw_grid(
    trace: Trace, rule: Rule | None, layer: int, head: int, scale: Scale, specials: bool, by: Unit = "token"
) -> None:
    """All heads; a click opens one (`clicks.py`)."""
    from attnviz.figures import grid

    figure = grid(
        trace, rule=rule, scale=scale, specials=specials, selected=(layer, head), dark=dark(), language=language(),
        height=HEIGHT, by=by,
    )  # fmt: skip
    st.plotly_chart(
        figure, key=KEY + "grid", theme=None,
        config={"displayModeBar": False},
        alt=t("figure.alt_grid", layers=trace.n_layers, heads=trace.n_heads, layer=layer, head=head),
    )  # fmt: skip


def draw_heatmap(
    trace: Trace,
    rule: Rule | None,
    layer: int,
    head: int,
    cell: tuple[int, int],
    scale: Scale,
    specials: bool,
    by: Unit = "token",
) -> None:
    """One head; a click explains a cell (`clicks.py`)."""
    from attnviz.figures import heatmap

    figure = heatmap(
        trace, layer=layer, head=head, rule=rule, scale=scale, specials=specials, cell=cell, dark=dark(),
        language=language(), height=HEIGHT, by=by,
    )  # fmt: skip
    st.plotly_chart(
        figure, key=KEY + "heatmap", theme=None, config=BAR,
        alt=heatmap_words(trace, rule, layer, head),
    )  # fmt: skip


def heatmap_words(trace: Trace, rule: Rule | None, layer: int, head: int) -> str:
    """The picture in a sentence."""
    weights = trace.weights(layer, head, rule).clone()
    if not trace.crossed:
        weights.fill_diagonal_(0)
    query, key = divmod(int(weights.argmax()), weights.shape[-1])
    return t(
        "figure.alt_heatmap", layer=layer, head=head, tokens=len(weights), query=trace.tokens[query],
        key=trace.key_tokens[key], weight=f"{weights[query, key]:.2f}",
    )  # fmt: skip
