"""One head's weights, large: queries down, keys across, every cell exact."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.figures import choose
from attnviz.figures.cells import as_written, cells, margins, recolour, turned
from attnviz.figures.choose import Head, Lost
from attnviz.figures.paint.owners import owners, strips
from attnviz.figures.paint.palette import CLEAR, TICK, cell_frame, ramp, shade, theme
from attnviz.messages import say
from attnviz.selection import Scale, Selection, Style
from attnviz.trace import Trace


def heatmap(
    trace: Trace,
    *,
    layer: int,
    head: int,
    rule: Rule | None = None,
    scale: Scale = "unit",
    specials: bool = True,
    by: str = "token",
    block: tuple[int, int] | None = None,
    cell: tuple[int, int] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int | None = None,
) -> go.Figure:
    """Who looks at whom in this head? Hover gives the exact weight; above 90,000 cells to 1/200 of the scale.

    `by` takes places together as an axis offers it (`Axis.groupings`: tokens as characters or words). For who clicks
    and points, the cells' `meta` names the token of each row (`queries`) and column (`keys`), the first of its unit,
    and the layout's `meta` those of `cell` (query, key), which is framed. Cells that are not allowed are drawn in a
    colour of their own, not as 0; weight that reaches no token (a sink's) in a column of its own, whose `meta` is null.
    A line parts the text from what the model wrote (`Trace.border`). Two texts that were read as one have a colour
    each, and so have a chat's roles; `block` (0, 1) shows what the first looks at in the second. Raises `AttnvizError`
    for a layer or head that is not there, or a layer without attention.
    """
    query, key = (0, None) if cell is None else cell
    selection = Selection(layer, head, query, key, rule=rule, specials=specials, by=by, block=block)
    return paint_head(choose.head(trace, selection), Style(scale, dark, language, height))


def paint_head(shown: Head, style: Style) -> go.Figure:
    """The picture of what is shown of one head."""
    queries, keys = shown.queries, shown.keys
    figure = cells(shown.weights, (queries.labels, keys.labels), style)
    figure.data[0].meta = {"queries": queries.tokens, "keys": keys.tokens}
    if shown.lost is not None:
        _beside(figure, shown, shown.lost, style)
    shapes = [] if shown.border is None else _border(figure, shown, shown.border, style)
    rows, columns = (owners(side.texts, side.roles, style.language) for side in (queries, keys))
    shapes += strips(figure, rows, columns, (len(queries.tokens), len(keys.tokens)), style)
    if shown.cell is not None:
        shapes.append(cell_frame(*shown.cell, theme(style)))
        figure.layout.meta = {"cell": shown.pair}
    if shapes:
        figure.update_layout(shapes=[*figure.layout.shapes, *shapes])
    return as_written(figure, keys.right_to_left)


def paint_difference(change: Tensor, shown: Head, style: Style) -> go.Figure:
    """The picture of how much weight a change gave to each pair of what is shown (`Head.beyond`)."""
    labels = (shown.queries.labels, shown.keys.labels)
    figure = cells(change, labels, style, shades=change, most_exact=change.numel())
    recolour(figure, change, style)
    if shown.cell is not None:
        figure.update_layout(shapes=[*figure.layout.shapes, cell_frame(*shown.cell, theme(style))])
    return as_written(figure, shown.keys.right_to_left)


def _against_row(lost: Tensor, weights: Tensor) -> Tensor:
    """What reaches no token beside the row's largest weight: more than that is 1, for the keys keep their colours."""
    top = weights.nan_to_num(0.0).amax(-1)
    return torch.where(lost < top, lost / top, (lost > 0).to(lost.dtype))


def _beside(figure: go.Figure, shown: Head, lost: Lost, style: Style) -> None:
    """Add the weight that reaches no token as a column of its own, half a cell to the right of the keys."""
    said, keys, where = "sink" if lost.learned else "missing", shown.keys.labels, len(shown.keys.labels) + 0.5
    labels = [*keys, say(f"figure.{said}", style.language)]
    shades = _against_row(lost.weights, shown.weights) if style.scale == "row" else shade(lost.weights, style.scale)
    first = figure.data[0]
    figure.add_trace(
        {
            "type": "heatmap", "x": [where], "z": shades[:, None].numpy(), "customdata": lost.weights[:, None].numpy(),
            "zmin": 0, "zmax": 1, "colorscale": ramp(theme(style)), "showscale": False, "ygap": first.ygap,
            "hovertemplate": say(f"figure.hover_{said}", style.language) + "<extra></extra>",
            "meta": {"queries": shown.queries.tokens, "keys": [None]}, "xaxis": first.xaxis, "yaxis": first.yaxis,
        }
    )  # fmt: skip
    for axis in figure.select_xaxes():
        marks = {"tickvals": [*axis.tickvals, where], "ticktext": [*axis.ticktext, labels[-1]]}
        axis.update(range=[-0.5, len(keys) + 1], **marks)
    figure.layout.xaxis.tickangle = -60 if turned(labels) else 0
    figure.layout.margin.b = margins(shown.queries.labels, labels)["b"]
    if figure.layout.plot_bgcolor != CLEAR:  # the colour of what is not allowed must not fill the space between
        below = _box(0, len(shown.queries.labels) - 1, 0, len(keys) - 1)
        ground = {**below, "layer": "below", "fillcolor": theme(style).not_allowed, "line": {"width": 0}}
        figure.update_layout(plot_bgcolor=CLEAR, shapes=[ground])


def _border(figure: go.Figure, shown: Head, border: tuple[int, int], style: Style) -> list[dict[str, object]]:
    """The lines between the text and what the model wrote, with a name where causal weights leave room."""
    (rows, columns), colour = border, theme(style).text
    before = (columns > 0.75 * len(shown.keys.tokens)) != shown.keys.right_to_left
    figure.add_annotation(
        text=say("figure.border", style.language), x=columns - 0.5, y=-0.5, showarrow=False, yanchor="top",
        xanchor="right" if before else "left", xshift=-3 if before else 3, font={"size": TICK, "color": colour},
    )  # fmt: skip
    line = {"type": "line", "line": {"color": colour, "width": 1.5, "dash": "dot"}}
    right, bottom = len(shown.keys.tokens) - 0.5, len(shown.queries.tokens) - 0.5
    return [
        {**line, "x0": columns - 0.5, "x1": columns - 0.5, "y0": -0.5, "y1": bottom},
        {**line, "x0": -0.5, "x1": right, "y0": rows - 0.5, "y1": rows - 0.5},
    ]


def _box(top: int, bottom: int, left: int, right: int) -> dict[str, object]:
    """The rectangle around some cells."""
    return {"type": "rect", "x0": left - 0.5, "x1": right + 0.5, "y0": top - 0.5, "y1": bottom + 0.5}
