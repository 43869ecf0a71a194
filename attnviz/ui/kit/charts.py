"""Plotly figures on the screen, and what a screen reader hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.selection import Selection, Style
from attnviz.ui.kit.frame import dark, enlarged
from attnviz.ui.kit.languages import language, t
from attnviz.ui.kit.rules import SHARED

if TYPE_CHECKING:
    from attnviz.figures import Figure
    from attnviz.selection import Scale
    from attnviz.trace import Trace

CHART_HEIGHT, CHANGE_HEIGHT = 416, 330
GRID_WIDTH, GRID_NAMES = 380, 40  # pixels across for the tiles of the grid, and above them for the heads' names
TILE = (14, 32)  # pixels that a tile is high, at least and at most


def css_class(key: str) -> str:
    """The class that Streamlit gives the element of a key, for components that look for it in the page."""
    return f"st-key-{key}".replace(".", "-")


def bar() -> dict[str, object]:
    """Plotly's settings for a chart with a camera, in the reader's language."""
    from attnviz.figures.paint.camera import camera

    return camera(language())


def draw(
    figure: Figure, key: str | None, alt: str, *, camera: bool = True, on_point: Callable[[], None] | None = None
) -> None:
    """Any figure; `alt` says in a sentence what it shows. `on_point` is called when a point was clicked."""
    config = bar() if camera else {**bar(), "displayModeBar": False}
    st.plotly_chart(
        enlarged(figure), key=key, theme=None, config=config, alt=alt, selection_mode="points",
        on_select=on_point or "ignore",
    )  # fmt: skip


def style_now(scale: Scale = "unit", height: int | None = None) -> Style:
    """How pictures are painted for this reader: on the screen's theme, in the reader's language."""
    return Style(scale, dark(), language(), height)


def draw_grid(run: Trace, selection: Selection, style: Style, order: Sequence[tuple[int, int]] = ()) -> None:
    """All heads, the chosen one framed, in an order within their layers; a click opens another (`clicks.py`)."""
    from attnviz.figures.grid import mosaic, paint_mosaic

    layer, head = selection.layer, selection.head
    height = style.pixels(grid_height(run.n_layers, run.n_heads))
    shown = mosaic(run, selection, style.scale, order=order)
    picture = paint_mosaic(shown, replace(style, height=height), (layer, head))
    with st.container(height=CHART_HEIGHT + 8, border=False) if height > CHART_HEIGHT else nullcontext():
        alt = t("figure.alt_grid", layers=run.n_layers, heads=run.n_heads, layer=layer, head=head)
        draw(picture, SHARED + "grid", alt, camera=False)


def grid_height(layers: int, heads: int) -> int:
    """How high is a picture of so many heads whose tiles are about square? More than fits is scrolled.

    >>> grid_height(4, 4), grid_height(32, 8)
    (416, 1064)
    """
    side = min(TILE[1], max(TILE[0], GRID_WIDTH // max(heads, 1)))
    return max(CHART_HEIGHT, layers * side + GRID_NAMES)


def draw_heatmap(run: Trace, selection: Selection, style: Style, key: str = SHARED + "heatmap", alt: str = "") -> None:
    """One head; a click explains a cell (`clicks.py`). `alt` is what a screen reader says in place of its own words."""
    figure, words = head_picture(run, selection, style)
    draw(figure, key, alt or words)


def draw_change(before: Trace, after: Trace, selection: Selection, style: Style) -> None:
    """One head before and after a change inside the run, on one scale, and by how much each weight differs.

    Of more than 90,000 pairs only the largest change is said: three such maps are more than a browser draws at once.
    """
    from attnviz.figures import choose
    from attnviz.figures.cells import MOST_EXACT
    from attnviz.figures.heatmap import paint_difference, paint_head

    first, second = choose.head(before, selection), choose.head(after, selection)
    low = replace(style, height=style.pixels(CHANGE_HEIGHT))
    change = second.beyond(first)
    largest = f"{float(change.nan_to_num(0.0).abs().max()):.2f}"
    most = t("change_most", most=largest, layer=selection.layer, head=selection.head)
    if change.numel() > MOST_EXACT:
        st.caption(most)
        return
    pictures = (paint_head(first, low), paint_head(second, low), paint_difference(change, second, low))
    for column, name, figure in zip(
        st.columns(3, gap="small"), ("before", "after", "difference"), pictures, strict=True
    ):
        with column:
            st.caption(t(f"change_map_{name}"))
            draw(figure, f"{SHARED}change-{name}", f"{t(f'change_map_{name}')}. {most}")
    st.caption(most)


def head_picture(run: Trace, selection: Selection, style: Style) -> tuple[Figure, str]:
    """One head as a picture and in a sentence, both of the same numbers."""
    from attnviz.figures import choose
    from attnviz.figures.heatmap import paint_head
    from attnviz.figures.words import head_in_words

    shown = choose.head(run, selection)
    figure = paint_head(shown, replace(style, height=style.pixels(CHART_HEIGHT)))
    return figure, head_in_words(shown, style.language)
