"""The "take it away" menu: pictures from the browser, weights and page as files, the link."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import address, export
from attnviz.ui.kit.charts import css_class
from attnviz.ui.kit.controls import KEY
from attnviz.ui.kit.language import t
from attnviz.ui.kit.reader import asset

if TYPE_CHECKING:
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component(
        "attnviz_take",
        html='<div class="take"></div>',
        css=asset("kit/export_menu.css"),
        js=asset("kit/export_menu.js"),
    )


def take_away(run: Trace, selection: Selection, style: Style, *, chart: str = KEY + "heatmap") -> None:
    """Pictures as PNG and SVG, this head as CSV, all weights as NPZ, an offline page, a link.

    `chart` is the key of the heatmap on the page; on a page with several each has a menu of its own.
    """
    own = KEY if chart == KEY + "heatmap" else f"{chart}."
    name = f"attnviz-{run.model}-{selection.layer}-{selection.head}"
    with st.popover(t("take_title"), icon=":material/download:", width="stretch"):
        _component()(
            key=f"{own}take",
            data={
                "chart": css_class(chart),
                "name": name,
                "words": {word: t(f"take_{word}") for word in ("png", "svg", "link_copy", "link_copied")},
            },
        )
        files = (
            ("csv", "text/csv", partial(export.as_csv, run, selection)),
            ("npz", "application/octet-stream", partial(export.as_npz, run, selection)),
            ("html", "text/html", partial(export.as_html, run, selection, style)),
        )
        for kind, mime, make in files:
            st.download_button(
                t(f"take_{kind}"), make, f"{name}.{kind}", mime, key=f"{own}take_{kind}", on_click="ignore",
                width="stretch",
            )  # fmt: skip
        st.caption(t("text_left_out" if address.left_out() else "take_link"))
