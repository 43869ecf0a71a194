"""One head's weights, large: queries down, keys across, every cell exact."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.figures.choose import Side, missing, sides, visible
from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import (
    CLEAR,
    TICK,
    Colours,
    Scale,
    bar_width,
    cell_frame,
    colour_bar,
    colours,
    layout,
    not_allowed_mark,
    ramp,
    room_for_mark,
    shade,
)
from attnviz.figures.paint.shades import bar_alone, bytes_picture, hover_steps
from attnviz.messages import say
from attnviz.trace import Trace

MOST_LABELS = 48  # more labels than that do not fit beside each other; the rest appear on hover
MOST_SAID = 10_000  # cells; in larger maps those that are not allowed say nothing, for that costs 10 bytes a cell
MOST_EXACT = 300 * 300  # cells; larger maps travel as one byte a cell, and hover is exact to 1/200
# Axes that show nothing and keep their labels for hover: those of an axis that is not `visible` are dropped.
UNSEEN: dict[str, Any] = {
    "showticklabels": False, "showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True,
}  # fmt: skip
NAME = 28  # pixels beside the labels for the name of an axis


def heatmap(
    trace: Trace,
    *,
    layer: int,
    head: int,
    rule: Rule | None = None,
    scale: Scale = "unit",
    specials: bool = True,
    by: str = "token",
    cell: tuple[int, int] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 460,
) -> go.Figure:
    """Who looks at whom in this head? Hover gives the exact weight; above 90,000 cells to 1/200 of the scale.

    `by` takes places together as an axis offers it (`Axis.groupings`: tokens as characters or words). The cells' `meta`
    names the token of each row (`queries`) and column (`keys`), the first of its unit, for `plotly_click`. Cells that
    are not allowed are drawn in a colour of their own, not as 0; weight that reaches no token (a sink's) in a column of
    its own, whose `meta` is null. `cell` (query, key) is framed, and a line parts the text from what the model wrote
    (`Trace.border`). Raises `AttnvizError` for a layer or head that is not there, and for a layer without attention.
    """
    shown, chosen = sides(trace, specials, by), colours(dark)
    queries, keys = shown
    found = trace.attention(layer, head, rule)
    weights = visible(found, shown)
    figure = cells(weights, queries.labels, keys.labels, scale=scale, dark=dark, language=language, height=height)
    figure.data[0].meta = {"queries": queries.tokens, "keys": keys.tokens}
    lost = missing(found, queries)
    if lost is not None:
        shades = shade(lost[0], scale) if scale != "row" else _against_row(lost[0], weights)
        _beside(figure, *lost, shades, shown, chosen, language)
    shapes = [] if trace.border is None else _border(figure, queries, keys, trace.border, chosen, language)
    if cell is not None:
        row, column = queries.place_of(cell[0]), keys.place_of(cell[1])
        shapes += [] if row is None or column is None else [cell_frame(row, column, chosen)]
    if shapes:
        figure.update_layout(shapes=[*figure.layout.shapes, *shapes])
    return figure


def cells(
    weights: Float[Tensor, "query key"],
    labels: list[str],
    key_labels: list[str] | None = None,
    *,
    scale: Scale = "unit",
    dark: bool = False,
    language: str = "en",
    height: int = 460,
    shades: Float[Tensor, "query key"] | None = None,
    most_exact: int = MOST_EXACT,
) -> go.Figure:
    """Weights as cells with a label for each row and column; NaN, which is not allowed, in another colour, named.

    The columns have the labels of the rows unless they are given; `shades`, 0 to 1, are those of the weights on the
    scale unless given (a part of a row is shaded by the whole). More cells than `most_exact` are sent as bytes.
    """
    chosen, across = colours(dark), labels if key_labels is None else key_labels
    rows, columns = list(map(escaped, labels)), list(map(escaped, across))
    hidden = bool(weights.isnan().any())
    right = max(bar_width(scale, language), room_for_mark(language) if hidden else 0)
    shades = shade(weights.nan_to_num(0.0), scale) if shades is None else shades
    large = weights.numel() > most_exact
    draw = _large if large else _picture
    figure: dict[str, Any] = {
        "data": [draw(weights, shades, scale, chosen, language, hidden)],
        "layout": {
            **layout(chosen, height=height, r=right, **_margins(labels, across)),
            **_axes(rows, columns, chosen, language, turned=_turned(across)),
            "plot_bgcolor": chosen.not_allowed if hidden else CLEAR,
        },
    }
    if hidden:
        figure["layout"]["annotations"] = [_legend(chosen, language)]
    if max(len(rows), len(columns)) > MOST_LABELS:
        bar = bar_alone(say(f"figure.bar_{scale}", language), scale, chosen, short=hidden) if large else None
        figure = _every_label_on_hover(figure, rows, columns, bar)
    return go.Figure(figure)


def _large(
    weights: Tensor, shades: Tensor, scale: Scale, chosen: Colours, language: str, hidden: bool
) -> dict[str, object]:
    """The cells as bytes; the colour bar comes with the trace that shows the labels."""
    said = say("figure.steps_hover", language, weight=hover_steps(scale, hidden, language))
    return {**bytes_picture(shades, weights.isnan(), chosen), "hovertemplate": said + "<extra></extra>"}


def _picture(
    weights: Tensor, shades: Tensor, scale: Scale, chosen: Colours, language: str, hidden: bool
) -> dict[str, object]:
    """The cells, and their colour bar; NaN, where a key is not allowed, stays empty."""
    shades = shades.masked_fill(weights.isnan(), torch.nan)
    down, across = (1 if count <= MOST_LABELS else 0 for count in weights.shape)
    said = hidden and weights.numel() <= MOST_SAID
    exact, name = _exact(weights, scale, said)
    bar = colour_bar(scale, chosen, language)
    if hidden:  # the name of the other colour stands below the bar
        bar |= {"len": 0.88, "y": 1, "yanchor": "top"}
    if said:  # instead of a weight
        exact["hovertemplatefallback"] = say("figure.hover_not_allowed", language)
    return {
        **exact, "hovertemplate": _hover(language, name), "hoverongaps": said,
        "type": "heatmap", "z": shades.numpy(), "zmin": 0, "zmax": 1, "colorscale": ramp(chosen),
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


def _legend(chosen: Colours, language: str) -> dict[str, object]:
    """What the colour of cells that are not allowed means, below the colour bar."""
    return {
        "text": not_allowed_mark(chosen, language), "xref": "paper", "yref": "paper", "x": 1, "y": 0, "xshift": 8,
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


def _turned(labels: list[str]) -> bool:
    """Must the keys' labels be turned to fit beside each other?"""
    return max(map(len, labels), default=1) > 2 or len(labels) > 24


def _margins(labels: list[str], across: list[str]) -> dict[str, float]:
    """The room that the labels and the axes' names need."""
    size = _tick(len(across))
    below = 0.87 * widest(across, size) + size if _turned(across) else 1.5 * size  # 0.87: the sine of 60 degrees
    return {"l": NAME + widest(labels, _tick(len(labels))), "b": NAME + below, "t": 4 + _tick(len(labels)) / 2}


def _axes(
    labels: list[str], across: list[str], chosen: Colours, language: str, *, turned: bool
) -> dict[str, dict[str, Any]]:
    """Token labels on both axes: integer positions with tick text, because Plotly merges equal category names."""
    columns, rows = _axis(across), _axis(labels)
    title = {name: _title(f"figure.{name}_axis", chosen, language) for name in ("key", "query")}
    return {
        "xaxis": {**columns, "tickangle": -60 if turned else 0, "title": title["key"]},
        "yaxis": {**rows, "range": rows["range"][::-1], "title": title["query"]},
    }


def _axis(labels: list[str]) -> dict[str, Any]:
    """One axis with as many labels as fit."""
    count = len(labels)
    every = list(range(0, count, -(-count // MOST_LABELS)))
    return {
        "showgrid": False, "zeroline": False, "fixedrange": True, "tickvals": every,
        "ticktext": [labels[place] for place in every], "ticks": "", "tickfont": {"size": _tick(count)},
        "range": [-0.5, count - 0.5],
    }  # fmt: skip


def _title(key: str, chosen: Colours, language: str) -> dict[str, object]:
    """The name of an axis."""
    return {"text": say(key, language), "font": {"size": 12, "color": chosen.faint}}


def _against_row(lost: Tensor, weights: Tensor) -> Tensor:
    """What reaches no token beside the row's largest weight: more than that is 1, for the keys keep their colours."""
    top = weights.nan_to_num(0.0).amax(-1)
    return torch.where(lost < top, lost / top, (lost > 0).to(lost.dtype))


def _beside(
    figure: go.Figure, lost: Tensor, learned: bool, shades: Tensor, shown: tuple[Side, Side], chosen: Colours,
    language: str,
) -> None:  # fmt: skip
    """Add the weight that reaches no token as a column of its own, half a cell to the right of the keys."""
    queries, keys = shown
    count, name = len(keys.labels), say("figure.sink" if learned else "figure.missing", language)
    where = count + 0.5
    first = figure.data[0]
    figure.add_trace(
        {
            "type": "heatmap", "x": [where], "z": shades[:, None].numpy(), "customdata": lost[:, None].numpy(),
            "zmin": 0, "zmax": 1, "colorscale": ramp(chosen), "showscale": False, "ygap": first.ygap,
            "hovertemplate": say("figure.hover_sink" if learned else "figure.hover_missing", language)
            + "<extra></extra>",
            "meta": {"queries": queries.tokens, "keys": [None]}, "xaxis": first.xaxis, "yaxis": first.yaxis,
        }
    )  # fmt: skip
    for axis in figure.select_xaxes():
        labels = {"tickvals": [*axis.tickvals, where], "ticktext": [*axis.ticktext, name]}
        axis.update(range=[-0.5, count + 1], **labels)
    figure.layout.xaxis.tickangle = -60 if _turned([*keys.labels, name]) else 0
    figure.layout.margin.b = _margins(queries.labels, [*keys.labels, name])["b"]
    if figure.layout.plot_bgcolor != CLEAR:  # the colour of what is not allowed must not fill the space between
        below = _box(0, len(queries.labels) - 1, 0, count - 1)
        ground = {**below, "layer": "below", "fillcolor": chosen.not_allowed, "line": {"width": 0}}
        figure.update_layout(plot_bgcolor=CLEAR, shapes=[ground])


def _border(
    figure: go.Figure, queries: Side, keys: Side, border: int, chosen: Colours, language: str
) -> list[dict[str, object]]:
    """The lines between the text and what the model wrote, with a name where causal weights leave room."""
    rows, columns = (sum(token < border for token in axis.tokens) for axis in (queries, keys))
    if not (0 < rows < len(queries.tokens) and 0 < columns < len(keys.tokens)):
        return []
    wide = columns > 0.75 * len(keys.tokens)
    figure.add_annotation(
        text=say("figure.border", language), x=columns - 0.5, y=-0.5, showarrow=False, yanchor="top",
        xanchor="right" if wide else "left", xshift=-3 if wide else 3, font={"size": TICK, "color": chosen.text},
    )  # fmt: skip
    line = {"type": "line", "line": {"color": chosen.text, "width": 1.5, "dash": "dot"}}
    right, bottom = len(keys.tokens) - 0.5, len(queries.tokens) - 0.5
    return [
        {**line, "x0": columns - 0.5, "x1": columns - 0.5, "y0": -0.5, "y1": bottom},
        {**line, "x0": -0.5, "x1": right, "y0": rows - 0.5, "y1": rows - 0.5},
    ]


def _box(top: int, bottom: int, left: int, right: int) -> dict[str, object]:
    """The rectangle around some cells."""
    return {"type": "rect", "x0": left - 0.5, "x1": right + 0.5, "y0": top - 0.5, "y1": bottom + 0.5}
