"""Shares as points, each row beside what a simpler rule gets and what chance gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from attnviz.figures.curves import axis
from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import TICK, layout, series, theme
from attnviz.selection import PLAIN, Style

HIGH, LEGEND = 26, 34  # pixels of a row and of the legend
EDGE = 1.09  # where the points' words stand, in a column of their own: beside the points they would run into marks
LONGEST = 30  # characters of a row's name
SIGNS = ("circle", "x-thin", "line-ns")  # the point, what a simpler rule gets, chance: told apart without a hue


@dataclass(frozen=True)
class Row:
    """One share (0 to 1) with its name and a word beside the point; what it is held to, NaN where there is none.

    `low` and `high` are the ends of its interval, NaN where it has none.
    """

    name: str
    value: float
    said: str = ""
    simpler: float = math.nan
    chance: float = math.nan
    low: float = math.nan
    high: float = math.nan


def beside(
    rows: Sequence[Row], names: tuple[str, str, str], title: str, *, chosen: int = -1, style: Style = PLAIN
) -> go.Figure:
    """Every row's share as a point, the simpler rule as a cross, chance as a stroke; the first row on top.

    `names` are those of the three marks, "" for one that no row has; row `chosen` is ringed. Each point's `customdata`
    is its row's number.
    """
    colours = theme(style)
    labels = [escaped(one.name, LONGEST) for one in rows]
    values = [[one.value for one in rows], [one.simpler for one in rows], [one.chance for one in rows]]
    inks = (series(0, style.dark), colours.text, colours.faint)
    marks = [_marks(values[at], names[at], labels, (SIGNS[at], inks[at])) for at in range(3) if names[at]]
    marks[0] |= _interval(rows, style)
    plain = {"tickfont": {"size": 12}, "fixedrange": True, "zeroline": False, "gridcolor": colours.not_allowed}
    return go.Figure({
        "data": [*marks, _written(rows, style), _ring(rows, chosen, style)],
        "layout": {
            **layout(colours, height=style.pixels(LEGEND + 46 + HIGH * max(len(rows), 2)), t=LEGEND, b=42, r=20,
                     l=24 + widest(labels, 12)),
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": TICK + 1},
                       "itemclick": False, "itemdoubleclick": False},
            "xaxis": {**axis(title, style), "range": [-0.03, EDGE + 0.12], "tickformat": ".0%", "dtick": 0.25},
            "yaxis": {**plain, "tickvals": list(range(len(rows))), "ticktext": labels,
                      "range": [len(rows) - 0.5, -0.5]},
        },
    })  # fmt: skip


def _marks(values: Sequence[float], name: str, labels: Sequence[str], drawn: tuple[str, str]) -> dict[str, Any]:
    """One kind of mark, a row each."""
    sign, ink = drawn
    return {
        "type": "scatter", "mode": "markers", "name": escaped(name, 40), "x": list(values),
        "y": list(range(len(values))), "customdata": [[row] for row in range(len(values))], "hovertext": list(labels),
        "hovertemplate": f"<b>%{{hovertext}}</b><br>{escaped(name, 40)}: %{{x:.1%}}<extra></extra>",
        "marker": {"symbol": sign, "size": 11, "color": ink, "line": {"color": ink, "width": 2}},
        "selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}},
    }  # fmt: skip


def _written(rows: Sequence[Row], style: Style) -> dict[str, Any]:
    """The words that go with the points."""
    return {
        "type": "scatter", "mode": "text", "x": [EDGE] * len(rows), "y": list(range(len(rows))), "hoverinfo": "skip",
        "text": [escaped(one.said, 12) for one in rows], "textposition": "middle right", "showlegend": False,
        "textfont": {"size": TICK + 1, "color": theme(style).text},
    }  # fmt: skip


def _interval(rows: Sequence[Row], style: Style) -> dict[str, Any]:
    """The intervals of the points, where they have any."""
    if all(math.isnan(one.low) for one in rows):
        return {}
    above, below = ([one.high - one.value for one in rows], [one.value - one.low for one in rows])
    return {
        "error_x": {
            "type": "data", "symmetric": False, "thickness": 1.5, "color": series(0, style.dark),
            "array": list(map(_or_none, above)), "arrayminus": list(map(_or_none, below)),
        }
    }  # fmt: skip


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _ring(rows: Sequence[Row], chosen: int, style: Style) -> dict[str, Any]:
    """The ring round one row's point."""
    ring = [chosen] if 0 <= chosen < len(rows) else []
    return {
        "type": "scatter", "mode": "markers", "x": [rows[at].value for at in ring], "y": ring, "hoverinfo": "skip",
        "showlegend": False, "marker": {
            "size": 20, "symbol": "circle-open", "color": theme(style).accent, "line": {"width": 2.5},
        },
    }  # fmt: skip
