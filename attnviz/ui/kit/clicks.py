"""A click on a tile opens a head, a click on a cell explains it, and Enter reads a text of several lines.

Where there are both, pointing at one shows the pair in the other, in the sentence and by the formula (`linked.js`).

Streamlit reports clicks on points, not on the cells of a heatmap. An unseen point on every cell would do, and did: it
doubled the time that Plotly needs to draw a heatmap of 20 tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import streamlit as st

from attnviz.ui.kit import link
from attnviz.ui.kit.charts import css_class
from attnviz.ui.kit.reader import asset
from attnviz.ui.kit.rules import SHARED

WHY = SHARED + "why"  # the key of the place of the formula


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    scripts = asset("kit/linked.js") + asset("kit/clicks.js")
    return st.components.v2.component("attnviz_clicks", html="<span></span>", js=scripts)


def listen_to_clicks(key: str, charts: dict[str, str], **on_click: Callable[[], None]) -> None:
    """Report clicks on charts: `charts` names the chart (by its key) of each kind of click, "head" or "cell".

    `on_click` are the callbacks `on_<kind>_change`; they find what was clicked with `clicked`.
    """
    data = {kind: css_class(chart) for kind, chart in charts.items()}
    _component()(
        key=key + "clicks",
        data={"charts": data, "lines": css_class(SHARED + "text"), "why": css_class(WHY)},
        **on_click,
    )


def clicked(key: str, kind: str) -> tuple[int, int] | None:
    """(layer, head) or (query, key); None when nothing was."""
    found = st.session_state[key + "clicks"][kind]
    return (int(found[0]), int(found[1])) if found else None


def listen_to_head() -> None:
    """A click on a tile of the grid opens its head, one on a cell of the heatmap explains it."""
    listen_to_clicks(
        SHARED,
        {"head": SHARED + "grid", "cell": SHARED + "heatmap"},
        on_head_change=_open_head,
        on_cell_change=_open_cell,
    )


def _open_head() -> None:
    """A tile was clicked."""
    if found := clicked(SHARED, "head"):
        st.session_state[SHARED + "layer"], st.session_state[SHARED + "head"] = found


def _open_cell() -> None:
    """A cell was clicked."""
    if found := clicked(SHARED, "cell"):
        for name, place in zip(("query", "key"), found, strict=True):
            link.choose(SHARED + name, place)
