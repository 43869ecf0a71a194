"""The open head follows the slider of a rule while it is dragged, without the server, which gets the value on release.

The server computes the head once for the values that the slider can take, one byte a weight; `dragged.js` lays the
nearest over the heatmap. So no rule is written a second time for the browser. Only the open head's own weights move: in
a run with the rule inside, what the layers below do to it is seen on release.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.charts import css_class
from attnviz.ui.kit.reader import asset
from attnviz.ui.kit.rules import SHARED, rules_of_slider, setting_of

if TYPE_CHECKING:
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace
    from attnviz.ui.stores import RuleChoice

MOST_FRAMES = 26
MOST_BYTES = 36_000  # of all frames, a byte a cell: 48 kB as text
FEWEST = 4  # with fewer frames a slider would jump: a map of more than 9,000 cells waits for the release


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_dragged", html="<span></span>", js=asset("kit/dragged/dragged.js"))


def follow_slider(run: Trace, selection: Selection, style: Style, rule: RuleChoice) -> None:
    """Give the browser the open head under the values of the rule's slider; nothing where the rule has none."""
    setting = setting_of(rule)
    if setting is None:
        return
    from attnviz.figures import choose
    from attnviz.figures.paint.palette import shade
    from attnviz.figures.paint.shades import colours_of_bytes, in_bytes

    rows, columns = (len(side.places) for side in choose.sides(run, selection))
    most = min(MOST_FRAMES, MOST_BYTES // (rows * columns))
    rules = rules_of_slider(rule, most) if most >= FEWEST else {}
    data: dict[str, object] = {"slider": css_class(SHARED + setting), "values": list(rules)}
    if rules:
        weights = choose.under(run, selection, list(rules.values()))
        frames = in_bytes(shade(weights.nan_to_num(0.0), style.scale), weights.isnan())
        data |= {
            "frames": b64encode(frames.numpy().tobytes()).decode(), "rows": rows, "columns": columns,
            "chart": css_class(SHARED + "heatmap"), "colours": colours_of_bytes(style), "now": rule.number,
        }  # fmt: skip
    _component()(key=SHARED + "dragged", data=data)
