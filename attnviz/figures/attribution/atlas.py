"""Heads as points, by two numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from attnviz.figures.curves import SYMBOLS, Axes, axis
from attnviz.figures.paint.labels import escaped
from attnviz.figures.paint.palette import TICK, layout, series, theme
from attnviz.selection import PLAIN, Style

SIGNS = (*SYMBOLS, "triangle-down", "cross", "pentagon")
HEIGHT = 430
MOST_LABELS = 64  # heads that are written beside their points; of more, those that have a name
LEGEND = 30  # pixels of a row of the legend
NEAR = 0.045  # of an axis: points that lie closer share one label, for two would smear
MOST_JOINT = 3  # heads that a shared label names


@dataclass(frozen=True)
class Point:
    """A head: its numbers across and up, `layer.head`, what it does (`kind`, "" for nothing clear) and its number."""

    x: float
    y: float
    label: str
    kind: str
    number: int


def points(
    heads: Sequence[Point], kinds: dict[str, str], axes: Axes, *, chosen: int, style: Style = PLAIN
) -> go.Figure:
    """Every head as a point; a colour and a sign for each of `kinds` (its name by its key), pale rings for the others.

    `chosen` is the number of the head with a ring round it. Heads whose numbers are not known must be left out.
    """
    colours, labels = theme(style), shared_labels(heads)
    figure = go.Figure({
        "data": [_kind((heads, labels), key, name, order, style) for order, (key, name) in enumerate(kinds.items())],
        "layout": {
            **layout(colours, height=style.pixels(HEIGHT), l=58, b=46, t=14 + LEGEND * -(-len(kinds) // 3)),
            "showlegend": True,
            "legend": {
                "orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": TICK + 1},
                "itemclick": False, "itemdoubleclick": False,
            },
            "xaxis": axis(axes.x, style), "yaxis": axis(axes.y, style),
        },
    })  # fmt: skip
    ring = [one for one in heads if one.number == chosen]
    figure.add_scatter(
        x=[one.x for one in ring], y=[one.y for one in ring], mode="markers", hoverinfo="skip", showlegend=False,
        marker={"size": 22, "symbol": "circle-open", "color": colours.accent, "line": {"width": 2.5}},
    )  # fmt: skip
    return figure


def shared_labels(heads: Sequence[Point]) -> dict[int, str]:
    """What is written beside each point, by the head's number: of points that lie together the first has it for all.

    >>> near = [Point(0.0, 0.0, "0.0", "", 0), Point(0.001, 0.0, "0.1", "", 1), Point(1.0, 1.0, "1.0", "", 2)]
    >>> shared_labels(near)
    {0: '0.0, 0.1', 1: '', 2: '1.0'}
    """
    wide, high = (
        (max(values) - min(values) or 1.0) * NEAR for values in zip(*((p.x, p.y) for p in heads), strict=True)
    )
    groups: list[list[Point]] = []
    for one in heads:
        near = (group for group in groups if abs(group[0].x - one.x) < wide and abs(group[0].y - one.y) < high)
        group = next(near, None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    said = {one.number: "" for one in heads}
    for group in groups:
        names = ", ".join(one.label for one in group[:MOST_JOINT])
        said[group[0].number] = names + (f" +{len(group) - MOST_JOINT}" if len(group) > MOST_JOINT else "")
    return said


def _kind(
    drawn: tuple[Sequence[Point], dict[int, str]], key: str, name: str, order: int, style: Style
) -> dict[str, Any]:
    """The points of one kind."""
    heads, labels = drawn
    own = [one for one in heads if one.kind == key]
    colour = series(order, style.dark) if key else theme(style).faint
    written = len(heads) <= MOST_LABELS or bool(key)
    return {
        "type": "scatter", "mode": "markers+text" if written else "markers", "name": escaped(name, 40),
        "x": [one.x for one in own], "y": [one.y for one in own], "text": [labels[one.number] for one in own],
        "customdata": [[one.number, one.label] for one in own], "textposition": "top center", "cliponaxis": False,
        "textfont": {"size": TICK, "color": theme(style).text if key else theme(style).faint},
        "marker": {
            "size": 10, "color": colour, "symbol": SIGNS[order % len(SIGNS)] if key else "circle-open",
        },
        "hovertemplate": f"<b>%{{customdata[1]}}</b> {escaped(name, 40)}<br>%{{x:.3~g}}, %{{y:.3~g}}<extra></extra>",
        "selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}},
    }  # fmt: skip
