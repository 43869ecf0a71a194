"""A click on a tile opens a head, a click on a cell explains it.

Streamlit reports clicks on points, not on the cells of a heatmap. An unseen point on every cell would do, and did: it
doubled the time that Plotly needs to draw a heatmap of 20 tokens.
"""

from __future__ import annotations

from functools import cache

import streamlit as st

from attnviz.ui.choices import KEY
from attnviz.ui.reader import asset


@cache
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_clicks", html="<span></span>", js=asset("clicks.js"))


def listen() -> None:
    """Report clicks on the grid and on the heatmap."""
    _component()(
        key=KEY + "clicks",
        data={
            kind: f"st-key-{KEY}{chart}".replace(".", "-") for kind, chart in (("head", "grid"), ("cell", "heatmap"))
        },
        on_head_change=_open_head,
        on_cell_change=_open_cell,
    )


def _open_head() -> None:
    """A tile was clicked: (layer, head)."""
    if clicked := st.session_state[KEY + "clicks"].head:
        st.session_state[KEY + "layer"], st.session_state[KEY + "head"] = map(int, clicked)


def _open_cell() -> None:
    """A cell was clicked: (query, key)."""
    if clicked := st.session_state[KEY + "clicks"].cell:
        st.session_state[KEY + "query"], st.session_state[KEY + "key"] = map(int, clicked)
