"""The "take it away" menu: pictures from the browser, weights and page as files, the link."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import export
from attnviz.ui.kit.charts import css_class
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.link import address
from attnviz.ui.kit.reader import asset
from attnviz.ui.kit.rules import SHARED

if TYPE_CHECKING:
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace

NO_NAME = re.compile(r"[^\w.+()@-]+")  # characters that a name of a file cannot have everywhere
KINDS = {"csv": "text/csv", "npz": "application/octet-stream", "html": "text/html"}


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component(
        "attnviz_take",
        html='<div class="take"></div>',
        css=asset("kit/export_menu.css"),
        js=asset("kit/export_menu.js"),
    )


def take_away(
    run: Trace, selection: Selection, style: Style, *, chart: str = SHARED + "heatmap",
    again: Callable[[], Trace] | None = None,
) -> None:  # fmt: skip
    """Pictures as PNG and SVG, this head as CSV, all weights as NPZ, an offline page, a link.

    `chart` is the key of the heatmap on the page; on a page with several each has a menu of its own. With `again`,
    which gives the run from its store, the open page itself holds no run, however many pages are open.
    """
    shared = chart == SHARED + "heatmap"  # the page whose grid is beside it
    own, name = SHARED if shared else f"{chart}.", file_name(run, selection)
    with st.popover(t("take_title"), icon=":material/download:", width="stretch"):
        take_picture(chart, name, own, {SHARED + "grid": file_name(run)} if shared else None)
        held: Callable[[], Trace] = again or (lambda: run)
        offer_file("csv", name, lambda: export.as_csv(held(), selection), own)
        offer_file("npz", name, lambda: export.as_npz(held(), selection), own)
        offer_file("html", name, lambda: export.as_html(held(), selection, style), own)
        st.caption(t("text_left_out" if address.left_out() else "take_link"))


def take_picture(chart: str, name: str, own: str, every: Mapping[str, str] | None = None) -> None:
    """Buttons for a chart as PNG and SVG, and for the link; `own` begins the keys of this menu.

    `every` are the charts of all heads, each with the name of its file.
    """
    asked = [(chart, name, ""), *((key, file, "_all") for key, file in (every or {}).items())]
    pictures = [
        {"chart": css_class(key), "name": file, "format": form, "label": t(f"take_{form}{what}")}
        for key, file, what in asked
        for form in ("png", "svg")
    ]
    words = {word: t(f"take_{word}") for word in ("link_copy", "link_copied")}
    _component()(key=f"{own}take", data={"pictures": pictures, "words": words})


def file_name(run: Trace, selection: Selection | None = None) -> str:
    """What a file of the open head is called, in the reader's language; without a selection one of all heads."""
    model = NO_NAME.sub("-", run.model.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1])
    if selection is None:
        return t("take_name_all", model=model)
    return t("take_name", model=model, layer=selection.layer, head=selection.head)


def offer_file(kind: str, name: str, make: Callable[[], bytes], own: str, label: str = "") -> None:
    """A button for one file, made when it is asked for."""
    st.download_button(
        label or t(f"take_{kind}"), make, f"{name}.{kind}", KINDS[kind], key=f"{own}take_{kind}", on_click="ignore",
        width="stretch",
    )  # fmt: skip
