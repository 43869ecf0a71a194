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
from attnviz.ui.kit.rules import SHARED
from attnviz.ui.stores import SETTINGS, RuleChoice, Setting, as_rule

if TYPE_CHECKING:
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace

MOST_FRAMES = 26
MOST_BYTES = 36_000  # of all frames, a byte a cell: 48 kB as text
FEWEST = 4  # with fewer frames a slider would jump: a map of more than 9,000 cells waits for the release


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_dragged", html="<span></span>", js=asset("kit/dragged/dragged.js"))


def follow_slider(run: Trace, selection: Selection, style: Style, rule: RuleChoice) -> None:
    """Give the browser the open head under the values of the rule's slider; nothing where the rule has none."""
    if rule.name not in SETTINGS or rule.number is None:
        return
    from attnviz.figures import choose
    from attnviz.figures.paint.palette import shade
    from attnviz.figures.paint.shades import colours_of_bytes, in_bytes

    rows, columns = (len(side.places) for side in choose.sides(run, selection))
    numbers = values(SETTINGS[rule.name], min(MOST_FRAMES, MOST_BYTES // (rows * columns)))
    data: dict[str, object] = {"slider": css_class(SHARED + SETTINGS[rule.name].name), "values": numbers}
    if numbers:
        rules = [as_rule(RuleChoice(rule.name, number, rule.renormalise)) for number in numbers]
        weights = choose.under(run, selection, rules)
        frames = in_bytes(shade(weights.nan_to_num(0.0), style.scale), weights.isnan())
        data |= {
            "frames": b64encode(frames.numpy().tobytes()).decode(), "rows": rows, "columns": columns,
            "chart": css_class(SHARED + "heatmap"), "colours": colours_of_bytes(style), "now": rule.number,
        }  # fmt: skip
    _component()(key=SHARED + "dragged", data=data)


def values(setting: Setting, most: int) -> list[float]:
    """At most so many of a slider's values, evenly spread, the first and the last among them; none if too few.

    >>> values(Setting("k", 1, 16, 2, 1), 6)
    [1.0, 4.0, 7.0, 10.0, 13.0, 16.0]
    """
    steps = round((setting.high - setting.low) / setting.step)
    if most < FEWEST:
        return []
    count = min(most, steps + 1)
    return [round(setting.low + setting.step * round(place * steps / (count - 1)), 6) for place in range(count)]
