"""Plotly figures on the screen, and what a screen reader hears."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.selection import Selection, Style
from attnviz.ui.kit.languages import language, t
from attnviz.ui.kit.rules import SHARED

if TYPE_CHECKING:
    from attnviz.figures import Figure
    from attnviz.selection import Scale
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


def style_now(scale: Scale = "unit", height: int | None = None) -> Style:
    """How pictures are painted for this reader: on the screen's theme, in the reader's language."""
    return Style(scale, dark(), language(), height)


def draw_grid(run: Trace, selection: Selection, style: Style) -> None:
    """All heads, the chosen one framed; a click opens another (`clicks.py`)."""
    from attnviz.figures.grid import mosaic, paint_mosaic

    layer, head = selection.layer, selection.head
    shown = mosaic(run, selection, style.scale)
    st.plotly_chart(
        paint_mosaic(shown, replace(style, height=style.pixels(CHART_HEIGHT)), (layer, head)),
        key=SHARED + "grid", theme=None, config={"displayModeBar": False},
        alt=t("figure.alt_grid", layers=run.n_layers, heads=run.n_heads, layer=layer, head=head),
    )  # fmt: skip


def draw_heatmap(run: Trace, selection: Selection, style: Style, key: str = SHARED + "heatmap", alt: str = "") -> None:
    """One head; a click explains a cell (`clicks.py`). `alt` is what a screen reader says in place of its own words."""
    figure, words = head_picture(run, selection, style)
    draw(figure, key, alt or words)


def head_picture(run: Trace, selection: Selection, style: Style) -> tuple[Figure, str]:
    """One head as a picture and in a sentence, both of the same numbers."""
    from attnviz.figures import choose
    from attnviz.figures.heatmap import paint_head
    from attnviz.figures.words import head_in_words

    shown = choose.head(run, selection)
    figure = paint_head(shown, replace(style, height=style.pixels(CHART_HEIGHT)))
    return figure, head_in_words(shown, style.language)
