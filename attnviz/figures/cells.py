"""Weights as cells with labels on both sides: what the picture of a head and that of a part of it share."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import (
    CLEAR,
    TICK,
    bar,
    bar_width,
    colour_bar,
    diverging,
    layout,
    not_allowed_mark,
    ramp,
    room_for_mark,
    shade,
    theme,
)
from attnviz.figures.paint.shades import bar_alone, bytes_picture, hover_steps
from attnviz.messages import say
from attnviz.selection import Scale, Style

MOST_LABELS = 48  # more labels than that do not fit beside each other; the rest appear on hover
MOST_SAID = 10_000  # cells; in larger maps those that are not allowed say nothing, for that costs 10 bytes a cell
MOST_EXACT = 300 * 300  # cells; larger maps travel as one byte a cell, and hover is exact to 1/200
# Axes that show nothing and keep their labels for hover: those of an axis that is not `visible` are dropped.
UNSEEN: dict[str, Any] = {
    "showticklabels": False, "showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True,
}  # fmt: skip
NAME = 28  # pixels beside the labels for the name of an axis

HEIGHT = 460


def cells(
    weights: Float[Tensor, "query key"],
    labels: tuple[list[str], list[str]],
    style: Style,
    *,
    shades: Float[Tensor, "query key"] | None = None,
    most_exact: int = MOST_EXACT,
) -> go.Figure:
    """Weights as cells with a label for each row and column; NaN, which is not allowed, in another colour, named.

    `labels` are the rows' and the columns'; `shades`, 0 to 1, are those of the weights on the scale unless given (a
    part of a row is shaded by the whole). More cells than `most_exact` are sent as bytes.
    """
    rows, columns = (list(map(escaped, names)) for names in labels)
    hidden = bool(weights.isnan().any())
    right = max(bar_width(style), room_for_mark(style.language) if hidden else 0)
    shades = shade(weights.nan_to_num(0.0), style.scale) if shades is None else shades
    large = weights.numel() > most_exact
    draw = _large if large else _picture
    figure: dict[str, Any] = {
        "data": [draw(weights, shades, style, hidden)],
        "layout": {
            **layout(theme(style), height=style.pixels(HEIGHT), r=right, **margins(*labels)),
            **_axes(rows, columns, style, turned(labels[1])),
            "plot_bgcolor": theme(style).not_allowed if hidden else CLEAR,
        },
    }
    if hidden:
        figure["layout"]["annotations"] = [_legend(style)]
    if max(len(rows), len(columns)) > MOST_LABELS:
        bar = bar_alone(say(f"figure.bar_{style.scale}", style.language), style, short=hidden) if large else None
        figure = _every_label_on_hover(figure, rows, columns, bar)
    return go.Figure(figure)


def _large(weights: Tensor, shades: Tensor, style: Style, hidden: bool) -> dict[str, object]:
    """The cells as bytes; the colour bar comes with the trace that shows the labels."""
    said = say("figure.steps_hover", style.language, weight=hover_steps(style, hidden))
    return {**bytes_picture(shades, weights.isnan(), style), "hovertemplate": said + "<extra></extra>"}


def _picture(weights: Tensor, shades: Tensor, style: Style, hidden: bool) -> dict[str, object]:
    """The cells, and their colour bar; NaN, where a key is not allowed, stays empty."""
    shades = shades.masked_fill(weights.isnan(), torch.nan)
    down, across = (1 if count <= MOST_LABELS else 0 for count in weights.shape)
    said = hidden and weights.numel() <= MOST_SAID
    exact, name = _exact(weights, style.scale, said)
    bar = colour_bar(style)
    if hidden:  # the name of the other colour stands below the bar
        bar |= {"len": 0.88, "y": 1, "yanchor": "top"}
    if said:  # instead of a weight
        exact["hovertemplatefallback"] = say("figure.hover_not_allowed", style.language)
    return {
        **exact, "hovertemplate": _hover(style.language, name), "hoverongaps": said,
        "type": "heatmap", "z": shades.numpy(), "zmin": 0, "zmax": 1, "colorscale": ramp(theme(style)),
        "colorbar": bar, "xgap": across, "ygap": down,
    }  # fmt: skip


def _exact(weights: Tensor, scale: Scale, said: bool) -> tuple[dict[str, Any], str]:
    """The weights behind the shades, where these are something else, and what hover calls them.

    Where hover says that a key is not allowed, each weight is a list of one, or of none: Plotly would say "NaN".
    """
    if said:
        lists = [[[] if math.isnan(value) else [round(value, 6)] for value in row] for row in weights.tolist()]
        return {"customdata": lists}, "customdata[0]"
    return ({}, "z") if scale == "unit" else ({"customdata": weights.numpy()}, "customdata")


def _legend(style: Style) -> dict[str, object]:
    """What the colour of cells that are not allowed means, below the colour bar."""
    return {
        "text": not_allowed_mark(style), "xref": "paper", "yref": "paper", "x": 1, "y": 0, "xshift": 8,
        "xanchor": "left", "yanchor": "bottom", "showarrow": False, "font": {"size": TICK},
    }  # fmt: skip


def _hover(language: str, weight: str) -> str:
    """What a cell says of itself."""
    return say("figure.hover", language, weight=weight) + "<extra></extra>"


def _every_label_on_hover(
    figure: dict[str, Any], rows: list[str], columns: list[str], bar: dict[str, object] | None = None
) -> dict[str, Any]:
    """Move the cells to a second, unseen pair of axes that keeps all labels, because Plotly writes those of the axis.

    The first pair, which shows as many labels as fit, needs a trace to be drawn: an empty one, or the colour bar's.
    """
    axes = figure["layout"]
    second = {
        f"{name}axis2": {
            "tickvals": list(range(len(labels))), "ticktext": labels, **UNSEEN,
            "range": axes[f"{name}axis"]["range"], "overlaying": name,
        }
        for name, labels in (("x", columns), ("y", rows))
    }  # fmt: skip
    empty = bar or {"type": "scatter", "x": [None], "y": [None], "hoverinfo": "skip"}
    return {
        "data": [{**figure["data"][0], "xaxis": "x2", "yaxis": "y2"}, empty],
        "layout": {**axes, **second},
    }


def _tick(count: int) -> int:
    """The size of the labels, in pixels."""
    return 13 if count <= 24 else 10


def turned(labels: list[str]) -> bool:
    """Must the keys' labels be turned to fit beside each other?"""
    return max(map(len, labels), default=1) > 2 or len(labels) > 24


def margins(labels: list[str], across: list[str]) -> dict[str, float]:
    """The room that the labels and the axes' names need."""
    size = _tick(len(across))
    below = 0.87 * widest(across, size) + size if turned(across) else 1.5 * size  # 0.87: the sine of 60 degrees
    return {"l": NAME + widest(labels, _tick(len(labels))), "b": NAME + below, "t": 4 + _tick(len(labels)) / 2}


def _axes(rows: list[str], across: list[str], style: Style, turn: bool) -> dict[str, dict[str, Any]]:
    """Token labels on both axes: integer positions with tick text, because Plotly merges equal category names."""
    right, down = _axis(across), _axis(rows)
    title = {name: _title(f"figure.{name}_axis", style) for name in ("key", "query")}
    return {
        "xaxis": {**right, "tickangle": -60 if turn else 0, "title": title["key"]},
        "yaxis": {**down, "range": down["range"][::-1], "title": title["query"]},
    }


def _axis(labels: list[str]) -> dict[str, Any]:
    """One axis with as many labels as fit."""
    count = len(labels)
    every = list(range(0, count, -(-count // MOST_LABELS)))
    return {
        "showgrid": False, "zeroline": False, "fixedrange": True, "tickvals": every,
        "ticktext": [labels[place] for place in every], "ticks": "", "tickfont": {"size": _tick(count)},
        "range": [-0.5, count - 0.5], "ticklabeloverflow": "allow",  # they have room, so Plotly need not measure them
    }  # fmt: skip


def recolour(figure: go.Figure, weights: Tensor, style: Style) -> None:
    """From weights to differences of weights: two colours around 0."""
    two, language = diverging(style.dark), style.language
    top = max(0.1, float(torch.nan_to_num(weights).abs().max()))
    figure.data[0].update(
        zmin=-top, zmax=top, colorscale=two.ramp,
        hovertemplate=say("figure.hover_difference", language) + "<extra></extra>",
    )  # fmt: skip
    title = say("figure.bar_difference", language)
    figure.data[0].colorbar.update(bar(title, [-top, 0, top], [f"{-top:.2f}", "0", f"{top:+.2f}"], theme(style)))


def as_written(figure: go.Figure, right_to_left: bool) -> go.Figure:
    """The same figure, its first column on the right where the text across it is written from right to left."""
    if right_to_left:
        for axis in figure.select_xaxes():
            axis.range = axis.range[::-1]
    return figure


def _title(key: str, style: Style) -> dict[str, object]:
    """The name of an axis."""
    return {"text": say(key, style.language), "font": {"size": 12, "color": theme(style).faint}}
