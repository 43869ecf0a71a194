"""One head's weights, large: queries down, keys across, every cell exact."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.choose import shown, visible
from attnviz.figures.labels import escaped, widest
from attnviz.figures.palette import Colours, Scale, bar_width, colour_bar, colours, layout, ramp, shade
from attnviz.messages import say
from attnviz.rules import Rule
from attnviz.trace import Trace

MOST_LABELS = 48  # more labels than that do not fit beside each other; the rest appear on hover
NAME = 28  # pixels beside the labels for the name of an axis


def heatmap(
    trace: Trace,
    *,
    layer: int,
    head: int,
    rule: Rule | None = None,
    scale: Scale = "unit",
    specials: bool = True,
    cell: tuple[int, int] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 460,
) -> go.Figure:
    """Who looks at whom in this head? Hover gives the exact weight.

    The cells' `meta` names the token position of each row and column, for `plotly_click`. Cells that are not allowed
    are drawn in a colour of their own, not as 0. `cell` (query, key) is framed. Raises `AttnvizError` for a layer or
    head that is not there.
    """
    places = shown(trace, specials)
    weights = visible(trace, layer, head, rule, places)
    labels = [trace.tokens[place] for place in places]
    figure = cells(weights, labels, scale=scale, dark=dark, language=language, height=height)
    figure.data[0].meta = places
    if cell is not None and cell[0] in places and cell[1] in places:
        figure.update_layout(shapes=[_frame(places.index(cell[0]), places.index(cell[1]), colours(dark))])
    return figure


def cells(
    weights: Float[Tensor, "query key"],
    labels: list[str],
    *,
    scale: Scale = "unit",
    dark: bool = False,
    language: str = "en",
    height: int = 460,
) -> go.Figure:
    """Weights as cells with a label for each row and column; NaN, which is not allowed, in another colour."""
    chosen, marks = colours(dark), list(map(escaped, labels))
    figure = {
        "data": [_picture(weights, scale, chosen, language)],
        "layout": {
            **layout(chosen, height=height, r=bar_width(scale, language), **_margins(labels)),
            **_axes(marks, chosen, language, turned=_turned(labels)),
            "plot_bgcolor": chosen.not_allowed if bool(weights.isnan().any()) else "rgba(0,0,0,0)",
        },
    }
    return go.Figure(figure if len(marks) <= MOST_LABELS else _every_label_on_hover(figure, marks))


def _picture(weights: Tensor, scale: Scale, chosen: Colours, language: str) -> dict[str, object]:
    """The cells, and their colour bar; NaN, where a key is not allowed, stays empty."""
    shades = shade(weights.nan_to_num(0.0), scale).masked_fill(weights.isnan(), torch.nan)
    gap = 1 if len(weights) <= MOST_LABELS else 0
    exact = {} if scale == "unit" else {"customdata": weights.numpy()}  # else the shade is the weight
    return {
        **exact, "hovertemplate": _hover(language, "customdata" if exact else "z"),
        "type": "heatmap", "z": shades.numpy(), "zmin": 0, "zmax": 1, "colorscale": ramp(chosen),
        "colorbar": colour_bar(scale, chosen, language), "xgap": gap, "ygap": gap, "hoverongaps": False,
    }  # fmt: skip


def _hover(language: str, weight: str) -> str:
    """What a cell says of itself."""
    return say("figure.hover", language, weight=weight) + "<extra></extra>"


def _every_label_on_hover(figure: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    """Move the cells to a second, unseen pair of axes that keeps all labels, because Plotly writes those of the axis.

    The first pair, which shows as many labels as fit, needs a trace to be drawn: an empty one.
    """
    hidden = {"tickvals": list(range(len(labels))), "ticktext": labels, "visible": False, "fixedrange": True}
    axes = figure["layout"]
    second = {
        f"{name}axis2": {**hidden, "range": axes[f"{name}axis"]["range"], "overlaying": name} for name in ("x", "y")
    }
    empty = {"type": "scatter", "x": [None], "y": [None], "hoverinfo": "skip"}
    return {
        "data": [{**figure["data"][0], "xaxis": "x2", "yaxis": "y2"}, empty],
        "layout": {**axes, **second},
    }


def _tick(count: int) -> int:
    """The size of the labels, in pixels."""
    return 13 if count <= 24 else 10


def _turned(labels: list[str]) -> bool:
    """Must the keys' labels be turned to fit beside each other?"""
    return max(map(len, labels), default=1) > 2 or len(labels) > 24


def _margins(labels: list[str]) -> dict[str, float]:
    """The room that the labels and the axes' names need."""
    size = _tick(len(labels))
    width = widest(labels, size)
    below = 0.87 * width + size if _turned(labels) else 1.5 * size  # 0.87: the sine of 60 degrees
    return {"l": NAME + width, "b": NAME + below, "t": 4 + size / 2}


def _axes(labels: list[str], chosen: Colours, language: str, *, turned: bool) -> dict[str, object]:
    """Token labels on both axes: integer positions with tick text, because Plotly merges equal category names."""
    count = len(labels)
    every = list(range(0, count, -(-count // MOST_LABELS)))
    ends = [-0.5, count - 0.5]
    shared: dict[str, object] = {"showgrid": False, "zeroline": False, "fixedrange": True}
    seen = {
        **shared, "tickvals": every, "ticktext": [labels[i] for i in every], "ticks": "",
        "tickfont": {"size": _tick(count)},
    }  # fmt: skip
    title = {name: _title(f"figure.{name}_axis", chosen, language) for name in ("key", "query")}
    return {
        "xaxis": {**seen, "range": ends, "tickangle": -60 if turned else 0, "title": title["key"]},
        "yaxis": {**seen, "range": ends[::-1], "title": title["query"]},
    }


def _title(key: str, chosen: Colours, language: str) -> dict[str, object]:
    """The name of an axis."""
    return {"text": say(key, language), "font": {"size": 12, "color": chosen.faint}}


def _frame(row: int, column: int, chosen: Colours) -> dict[str, object]:
    """The outline of the cell that is explained."""
    return {
        "type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5,
        "line": {"color": chosen.accent, "width": 2.5},
    }  # fmt: skip
