"""Plotly figures on the screen, and what a screen reader hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.controls import OpenHead
from attnviz.ui.kit.languages import language, t
from attnviz.ui.kit.rules import SHARED

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.figures import Figure
    from attnviz.trace import Trace

BAR = {
    "displaylogo": False,
    "scrollZoom": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 3, "filename": "attnviz"},
}
CHART_HEIGHT = 416


def css_class(key: str) -> str:
    """The class that Streamlit gives the element of a key, for components that look for it in the page."""
    return f"st-key-{key}".replace(".", "-")


def dark() -> bool:
    """Does the reader's screen show the dark theme?"""
    return st.context.theme.type == "dark"


def draw(figure: Figure, key: str, alt: str) -> None:
    """Any figure; `alt` says in a sentence what it shows."""
    st.plotly_chart(figure, key=key, theme=None, config=BAR, alt=alt)


def draw_grid(opened: OpenHead) -> None:
    """All heads; a click opens one (`clicks.py`)."""
    from attnviz.figures import grid

    run, layer, head = opened.run, opened.layer, opened.head
    figure = grid(
        run, rule=opened.rule, scale=opened.scale, specials=opened.specials, selected=(layer, head), dark=dark(),
        language=language(), height=CHART_HEIGHT, by=opened.by,
    )  # fmt: skip
    st.plotly_chart(
        figure, key=SHARED + "grid", theme=None,
        config={"displayModeBar": False},
        alt=t("figure.alt_grid", layers=run.n_layers, heads=run.n_heads, layer=layer, head=head),
    )  # fmt: skip


def draw_heatmap(opened: OpenHead) -> None:
    """One head; a click explains a cell (`clicks.py`)."""
    from attnviz.figures import heatmap

    figure = heatmap(
        opened.run, layer=opened.layer, head=opened.head, rule=opened.rule, scale=opened.scale,
        specials=opened.specials, cell=(opened.query, opened.key), dark=dark(), language=language(),
        height=CHART_HEIGHT, by=opened.by,
    )  # fmt: skip
    draw(figure, SHARED + "heatmap", heatmap_words(opened.run, opened.rule, opened.layer, opened.head))


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
