"""Heads of long texts: the whole from afar, a part of it token for token, and one row or column as a line.

Nothing here lays out all weights of a head: `streaming` computes the rows that a picture shows.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from attnviz.core import blocks as streaming
from attnviz.core.blocks import Pool
from attnviz.core.rules import Rule
from attnviz.figures.curves import Line, lines
from attnviz.figures.heatmap import UNSEEN, cells
from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import (
    BAR_TICKS,
    CLEAR,
    TICK,
    Colours,
    Scale,
    cell_frame,
    colours,
    layout,
    not_allowed_mark,
    room_for_bar,
    room_for_mark,
    shade,
)
from attnviz.figures.paint.shades import NOT_ALLOWED, STEPS, bar_alone, bytes_picture
from attnviz.messages import say
from attnviz.trace import Trace

MOST_POINTS = 2_000  # of a line; more than a screen has pixels across
EXACT = 64 * 64  # cells of a window that are sent as floats
DOWN, ACROSS = 9, 7  # ticks at most
SHORT = 8  # characters of a label beside its number
LEAST_HEIGHT = 240  # pixels; a lower overview is a minimap, without a colour bar


def overview(
    trace: Trace,
    *,
    layer: int,
    head: int,
    rule: Rule | None = None,
    how: Pool = "max",
    scale: Scale = "unit",
    size: int = 480,
    part: tuple[range, range] | None = None,
    box: tuple[range, range] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 440,
) -> go.Figure:
    """What does the whole head look like, or a large `part` of it (queries, keys), however long the text is?

    At most `size` cells a side, each the largest or the mean weight of the pairs in it (`streaming.pooled`), one byte a
    cell. The axes count the text's tokens; `box` (queries, keys) is framed. Means on the scale "unit" are shown as
    shares of the largest mean, which the colour bar names: those of a long text are all small. Below 240 pixels there
    is no bar.
    Raises `AttnvizError` for a layer, a head or a part that is not there, and for a layer without attention.
    """
    chosen = colours(dark)
    sides = part or (range(len(trace.tokens)), range(len(trace.key_tokens)))
    found = trace.attention(layer, head, rule)
    share = partial(shade, scale="row") if scale == "row" else None
    afar = streaming.pooled(found, (size, size), how, part=part, shown=share)
    hidden, top = afar.isnan(), _top(afar) if (how, scale) == ("mean", "unit") else 1.0
    shades = afar / top if scale != "log" else shade(afar.nan_to_num(0.0), scale)
    title = say(_name(how, scale), language)
    picture = bytes_picture(shades, hidden, chosen) | {
        "xaxis": "x2", "yaxis": "y2", "hovertemplate": _hover(title, top, bool(hidden.any()), language),
    }  # fmt: skip
    beside = bar_alone(title, scale, chosen, short=bool(hidden.any()))
    ticks = _ticks(scale, top)
    beside["marker"]["colorbar"]["ticktext"] = ticks  # type: ignore[index]
    if height < LEAST_HEIGHT:
        beside["marker"]["showscale"] = False  # type: ignore[index]
    figure = go.Figure(
        {"data": [picture, beside], "layout": _layout(trace, sides, chosen, language, height, (title, ticks))}
    )
    _hidden_axes(figure, sides, tuple(afar.shape))
    if bool(hidden.any()) and height >= LEAST_HEIGHT:
        figure.add_annotation(
            text=not_allowed_mark(chosen, language), xref="paper", yref="paper", x=1, y=0, xshift=8, xanchor="left",
            yanchor="bottom", showarrow=False, font={"size": TICK},
        )  # fmt: skip
    if box is not None:
        figure.add_shape(**_frame(*box, chosen))
    return figure


def zoomed(
    trace: Trace,
    *,
    layer: int,
    head: int,
    queries: range,
    keys: range,
    rule: Rule | None = None,
    scale: Scale = "unit",
    cell: tuple[int, int] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 440,
) -> go.Figure:
    """Who looks at whom in this part of the head, token for token?

    Up to 64 x 64 cells hover gives the exact weight, above that to 1/200 of the scale. The cells' `meta` names the
    token of each row (`queries`) and column (`keys`); the layout's names the first `query` and `key`. Shares of a row
    are those of the whole row's largest weight. `cell` (query, key) is framed. Raises `AttnvizError` for tokens, a
    layer or a head that are not there.
    """
    found = trace.attention(layer, head, rule)
    weights = streaming.window(found, queries, keys)
    whole = shade(streaming.rows(found, queries.start, queries.stop), scale) if scale == "row" else None
    figure = cells(
        weights, trace.tokens[queries.start : queries.stop], trace.key_tokens[keys.start : keys.stop], scale=scale,
        dark=dark, language=language, height=height, most_exact=EXACT,
        shades=None if whole is None else whole[:, keys.start : keys.stop],
    )  # fmt: skip
    figure.data[0].meta = {"queries": list(queries), "keys": list(keys)}
    figure.update_layout(meta={"query": queries.start, "key": keys.start})
    if cell is not None and cell[0] in queries and cell[1] in keys:
        frame = cell_frame(cell[0] - queries.start, cell[1] - keys.start, colours(dark))
        figure.update_layout(shapes=[*figure.layout.shapes, frame])
    return figure


def row_line(
    trace: Trace,
    *,
    layer: int,
    head: int,
    query: int,
    rule: Rule | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 240,
) -> go.Figure:
    """How does one token spread its weight over what it looks at? Above 2,000 points each is the largest of several."""
    values = streaming.row(trace.attention(layer, head, rule), query)
    return _line(values, trace.key_tokens, (query,), dark, language, height)


def column_line(
    trace: Trace,
    *,
    layer: int,
    head: int,
    key: int,
    rule: Rule | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 240,
) -> go.Figure:
    """How much weight does every token give to this one? Above 2,000 points each is the largest of several."""
    values = streaming.column(trace.attention(layer, head, rule), key)
    return _line(values, trace.tokens, (key,), dark, language, height)


def _line(
    values: Tensor, labels: list[str], marked: tuple[int, ...], dark: bool, language: str, height: int
) -> go.Figure:
    """One number a token, the largest of each stretch where there are more than fit; nothing where not allowed."""
    places = _heights(values, MOST_POINTS)
    step = -(-len(values) // MOST_POINTS)
    x_title = say("figure.line_token", language) if step == 1 else say("figure.line_pooled", language, count=step)
    figure = lines(
        [Line("", [], [])], x_title=x_title, y_title=say("figure.line_weight", language), dark=dark,
        language=language, height=height, marks=[(place, "") for place in marked],
    )  # fmt: skip
    weights = values[places].numpy().astype(np.float32)
    figure.update_traces(
        x=places.numpy().astype(np.int32), y=weights, mode="lines", line={"width": 1.2}, connectgaps=False,
        text=[escaped(labels[place]) for place in places.tolist()],
        hovertemplate="%{text} (%{x})<br>%{y:.4f}<extra></extra>",
    )  # fmt: skip
    top = float(np.nan_to_num(weights).max(initial=0.0)) or 1.0
    figure.update_layout(xaxis_range=[-0.5, len(values) - 0.5], yaxis_range=[0, 1.05 * top], margin={"t": 10})
    return figure


def _heights(values: Tensor, most: int) -> Tensor:
    """The token of the largest number in each of at most `most` stretches `[stretch]`."""
    count = len(values)
    if count <= most:
        return torch.arange(count)
    edges = [(i * count // most, (i + 1) * count // most) for i in range(most)]
    filled = values.nan_to_num(-1.0)
    return torch.stack([a + filled[a:b].argmax() for a, b in edges])


def _top(afar: Tensor) -> float:
    """The largest mean; 1 where there is no weight at all."""
    return float(afar.nan_to_num(0.0).max()) or 1.0


def _name(how: Pool, scale: Scale) -> str:
    """The message that names what a cell shows."""
    return f"figure.pooled_{how}" + ("" if scale == "unit" else f"_{scale}")


def _hover(title: str, top: float, hidden: bool, language: str) -> str:
    """What a cell says: which tokens it stands for, and the step of its weight."""
    said = say("figure.steps_range", language, pooled=title, steps=STEPS)
    said += "" if top == 1 else f" × {top:.3g}"
    return said + (say("figure.steps_not_allowed", language, byte=NOT_ALLOWED) if hidden else "") + "<extra></extra>"


def _ticks(scale: Scale, top: float) -> list[str]:
    """What is written beside the colour bar."""
    return BAR_TICKS[scale] if top == 1 else [f"{share * top:.2g}" for share in (0, 0.25, 0.5, 0.75, 1)]


def _layout(
    trace: Trace, sides: tuple[range, range], chosen: Colours, language: str, height: int, bar: tuple[str, list[str]]
) -> dict[str, Any]:  # fmt: skip
    """Axes that count tokens, with the label of each token that is marked."""
    rows, columns = _axis(trace.tokens, sides[0], DOWN, " "), _axis(trace.key_tokens, sides[1], ACROSS, "<br>")
    names = {name: {"text": say(f"figure.{name}_axis", language), "font": {"size": 12, "color": chosen.faint}}
             for name in ("query", "key")}  # fmt: skip
    left = 34 + widest(rows["ticktext"], TICK)
    right = max(room_for_bar(*bar), room_for_mark(language)) if height >= LEAST_HEIGHT else 8
    return {
        **layout(chosen, height=height, l=left, b=58, r=right),
        "xaxis": {**columns, "tickangle": 0, "title": {**names["key"], "standoff": 4}},
        "yaxis": {**rows, "range": rows["range"][::-1], "title": {**names["query"], "standoff": 4}},
        "plot_bgcolor": CLEAR,
    }


def _axis(labels: list[str], side: range, most: int, between: str) -> dict[str, Any]:
    """One axis in tokens: a few round numbers, each with the label of its token."""
    count = len(side)
    step = next(n * 10**power for power in range(9) for n in (1, 2, 5) if -(-count // (n * 10**power)) <= most)
    every = range(-(-side.start // step) * step, side.stop, step)
    return {
        "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": "outside", "ticklen": 3,
        "tickvals": list(every), "ticktext": [f"{n:,}{between}{escaped(labels[n], SHORT)}" for n in every],
        "tickfont": {"size": TICK}, "range": [side.start - 0.5, side.stop - 0.5],
    }  # fmt: skip


def _hidden_axes(figure: go.Figure, sides: tuple[range, range], shape: tuple[int, ...]) -> None:
    """A second, unseen pair of axes for the cells, whose labels are the tokens that each stands for."""
    for name, side, count in (("y", sides[0], shape[0]), ("x", sides[1], shape[1])):
        ends = [(side[i * len(side) // count], side[-(-(i + 1) * len(side) // count) - 1]) for i in range(count)]
        shown = [-0.5, count - 0.5]
        figure.layout[f"{name}axis2"] = {
            "tickvals": list(range(count)), "ticktext": [f"{a}–{b}" if a < b else f"{a}" for a, b in ends],
            **UNSEEN, "overlaying": name, "range": shown[::-1] if name == "y" else shown,
        }  # fmt: skip


def _frame(queries: range, keys: range, chosen: Colours) -> dict[str, object]:
    """The outline of a part, in tokens."""
    return {
        "type": "rect", "x0": keys.start - 0.5, "x1": keys.stop - 0.5, "y0": queries.start - 0.5,
        "y1": queries.stop - 0.5, "line": {"color": chosen.accent, "width": 2},
    }  # fmt: skip
