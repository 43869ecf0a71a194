"""Heads of long texts: the whole from afar, a part of it token for token, and one row or column as a line.

Nothing here lays out all weights of a head: `streaming` computes the rows that a picture shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core import blocks as streaming
from attnviz.core.blocks import Pool
from attnviz.figures.cells import UNSEEN, as_written, cells
from attnviz.figures.curves import Axes, Line, paint_lines
from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import (
    BAR_TICKS,
    CLEAR,
    TICK,
    cell_frame,
    layout,
    not_allowed_mark,
    room_for_bar,
    room_for_mark,
    shade,
    theme,
)
from attnviz.figures.paint.shades import NOT_ALLOWED, STEPS, bar_alone, bytes_picture
from attnviz.messages import say
from attnviz.selection import Scale, Selection, Style
from attnviz.trace import Trace

Part = tuple[range, range]  # queries, keys
MOST_POINTS = 2_000  # of a line; more than a screen has pixels across
EXACT = 64 * 64  # cells of a window that are sent as floats
DOWN, ACROSS = 9, 7  # ticks at most
SHORT = 8  # characters of a label beside its number
HEIGHT, LINE_HEIGHT = 440, 240
LEAST_HEIGHT = 240  # pixels; a lower overview is a minimap, without a colour bar


@dataclass(frozen=True)
class Afar:
    """What is shown of a head from afar: its cells, and the labels of the tokens that the sides count.

    A cell is the largest or the mean weight of its pairs (`how`), of their shares in their rows' largest on the scale
    "row"; NaN where none is allowed. `part` (queries, keys) is what the cells stand for. `right_to_left`: the first key
    stands on the right, as the text is written.
    """

    cells: Float[Tensor, "down across"]
    labels: tuple[list[str], list[str]]
    part: Part
    how: Pool
    scale: Scale
    right_to_left: bool = False

    @property
    def top(self) -> float:
        """What full colour stands for: the largest mean on the scale "unit", else 1."""
        means = (self.how, self.scale) == ("mean", "unit")
        return float(self.cells.nan_to_num(0.0).max()) or 1.0 if means else 1.0


def from_afar(
    trace: Trace, selection: Selection, scale: Scale = "unit", *, how: Pool = "max", size: int = 480,
    part: Part | None = None,
) -> Afar:  # fmt: skip
    """The chosen head, or a large `part` of it (queries, keys), in at most `size` cells a side (`streaming.pooled`).

    Raises `AttnvizError` for a layer, a head or a part that is not there, and for a layer without attention.
    """
    labels = (trace.tokens, trace.key_tokens)
    found = selection.attention(trace)
    share = partial(shade, scale="row") if scale == "row" else None
    afar = streaming.pooled(found, (size, size), how, part=part, shown=share)
    part = part or (range(len(labels[0])), range(len(labels[1])))
    return Afar(afar, labels, part, how, scale, trace.keys.right_to_left)


def overview(shown: Afar, style: Style, *, box: Part | None = None) -> go.Figure:
    """What does the whole head look like, or a large part of it, however long the text is? One byte a cell.

    The axes count the text's tokens; `box` (queries, keys) is framed. Means on the scale "unit" are shown as shares of
    the largest mean, which the colour bar names: those of a long text are all small. Below 240 pixels there is no bar.
    """
    afar, hidden = shown.cells, shown.cells.isnan()
    some, high = bool(hidden.any()), style.pixels(HEIGHT) >= LEAST_HEIGHT
    shades = afar / shown.top if shown.scale != "log" else shade(afar.nan_to_num(0.0), shown.scale)
    title = say(_name(shown), style.language)
    picture = bytes_picture(shades, hidden, style) | {
        "xaxis": "x2", "yaxis": "y2", "hovertemplate": _hover(title, shown.top, some, style.language),
    }  # fmt: skip
    beside = bar_alone(title, style, short=some)
    ticks = _ticks(shown)
    beside["marker"]["colorbar"]["ticktext"] = ticks  # type: ignore[index]
    if not high:
        beside["marker"]["showscale"] = False  # type: ignore[index]
    figure = go.Figure({"data": [picture, beside], "layout": _layout(shown, style, (title, ticks))})
    _hidden_axes(figure, shown.part, tuple(afar.shape))
    if some and high:
        figure.add_annotation(
            text=not_allowed_mark(style), xref="paper", yref="paper", x=1, y=0, xshift=8, xanchor="left",
            yanchor="bottom", showarrow=False, font={"size": TICK},
        )  # fmt: skip
    if box is not None:
        figure.add_shape(**_frame(*box, style))
    return as_written(figure, shown.right_to_left)


def zoomed(trace: Trace, selection: Selection, style: Style, part: Part) -> go.Figure:
    """Who looks at whom in this part of the head (queries, keys), token for token?

    Up to 64 x 64 cells hover gives the exact weight, above that to 1/200 of the scale. The cells' `meta` names the
    token of each row (`queries`) and column (`keys`); the layout's names the first `query` and `key`. Shares of a row
    are those of the whole row's largest weight. The chosen pair is framed. Raises `AttnvizError` for tokens, a layer or
    a head that are not there.
    """
    queries, keys = part
    found = selection.attention(trace)
    weights = streaming.window(found, queries, keys)
    whole = shade(streaming.rows(found, queries.start, queries.stop), "row") if style.scale == "row" else None
    figure = cells(
        weights, (trace.tokens[queries.start : queries.stop], trace.key_tokens[keys.start : keys.stop]),
        replace(style, height=style.pixels(HEIGHT)), most_exact=EXACT,
        shades=None if whole is None else whole[:, keys.start : keys.stop],
    )  # fmt: skip
    figure.data[0].meta = {"queries": list(queries), "keys": list(keys)}
    figure.update_layout(meta={"query": queries.start, "key": keys.start})
    cell = selection.cell
    if cell is not None and cell[0] in queries and cell[1] in keys:
        frame = cell_frame(cell[0] - queries.start, cell[1] - keys.start, theme(style))
        figure.update_layout(shapes=[*figure.layout.shapes, frame])
    return as_written(figure, trace.keys.right_to_left)


def row_line(trace: Trace, selection: Selection, style: Style) -> go.Figure:
    """How does the chosen query spread its weight? Above 2,000 points each is the largest of several."""
    found = selection.attention(trace)
    figure = _line(streaming.row(found, selection.query), trace.key_tokens, selection.query, style)
    return as_written(figure, trace.keys.right_to_left)


def column_line(trace: Trace, selection: Selection, style: Style) -> go.Figure:
    """How much weight does every token give to the chosen key? Above 2,000 points each is the largest of several.

    Where no key is chosen, to the first.
    """
    found, key = selection.attention(trace), selection.key or 0
    figure = _line(streaming.column(found, key), trace.tokens, key, style)
    return as_written(figure, trace.queries.right_to_left)


def _line(values: Tensor, labels: Sequence[str], marked: int, style: Style) -> go.Figure:
    """One number a token, the largest of each stretch where there are more than fit; nothing where not allowed.

    From the first place that is allowed to the last: of 8,000 tokens an early query looks at twenty, on no pixel.
    """
    allowed = (~values.isnan()).nonzero().flatten().tolist() or [0, len(values) - 1]
    first, last = min(allowed[0], marked), max(allowed[-1], marked)
    places = first + _heights(values[first : last + 1], MOST_POINTS)
    step = -(-(last + 1 - first) // MOST_POINTS)
    words = style.language
    along = say("figure.line_token", words) if step == 1 else say("figure.line_pooled", words, count=step)
    axes = Axes(along, say("figure.line_weight", words))
    figure = paint_lines([Line("", [], [])], axes, replace(style, height=style.pixels(LINE_HEIGHT)), [(marked, "")])
    weights = values[places].numpy().astype(np.float32)
    figure.update_traces(
        x=places.numpy().astype(np.int32), y=weights, mode="lines", line={"width": 1.2}, connectgaps=False,
        text=[escaped(labels[place]) for place in places.tolist()],
        hovertemplate="%{text} (%{x})<br>%{y:.4f}<extra></extra>",
    )  # fmt: skip
    top = float(np.nan_to_num(weights).max(initial=0.0)) or 1.0
    figure.update_layout(xaxis_range=[first - 0.5, last + 0.5], yaxis_range=[0, 1.05 * top], margin={"t": 10})
    return figure


def _heights(values: Tensor, most: int) -> Tensor:
    """The token of the largest number in each of at most `most` stretches `[stretch]`."""
    count = len(values)
    if count <= most:
        return torch.arange(count)
    edges = [(i * count // most, (i + 1) * count // most) for i in range(most)]
    filled = values.nan_to_num(-1.0)
    return torch.stack([a + filled[a:b].argmax() for a, b in edges])


def _name(shown: Afar) -> str:
    """The message that names what a cell shows."""
    return f"figure.pooled_{shown.how}" + ("" if shown.scale == "unit" else f"_{shown.scale}")


def _hover(title: str, top: float, hidden: bool, language: str) -> str:
    """What a cell says: which tokens it stands for, and the step of its weight."""
    said = say("figure.steps_range", language, pooled=title, steps=STEPS)
    said += "" if top == 1 else f" × {top:.3g}"
    return said + (say("figure.steps_not_allowed", language, byte=NOT_ALLOWED) if hidden else "") + "<extra></extra>"


def _ticks(shown: Afar) -> list[str]:
    """What is written beside the colour bar."""
    if shown.top == 1:
        return BAR_TICKS[shown.scale]
    return [f"{share * shown.top:.2g}" for share in (0, 0.25, 0.5, 0.75, 1)]


def _layout(shown: Afar, style: Style, bar: tuple[str, list[str]]) -> dict[str, Any]:
    """Axes that count tokens, with the label of each token that is marked."""
    chosen, language, height = theme(style), style.language, style.pixels(HEIGHT)
    rows = _axis(shown.labels[0], shown.part[0], DOWN, " ")
    columns = _axis(shown.labels[1], shown.part[1], ACROSS, "<br>")
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


def _hidden_axes(figure: go.Figure, sides: Part, shape: tuple[int, ...]) -> None:
    """A second, unseen pair of axes for the cells, whose labels are the tokens that each stands for."""
    for name, side, count in (("y", sides[0], shape[0]), ("x", sides[1], shape[1])):
        ends = [(side[i * len(side) // count], side[-(-(i + 1) * len(side) // count) - 1]) for i in range(count)]
        shown = [-0.5, count - 0.5]
        figure.layout[f"{name}axis2"] = {
            "tickvals": list(range(count)), "ticktext": [f"{a}–{b}" if a < b else f"{a}" for a, b in ends],
            **UNSEEN, "overlaying": name, "range": shown[::-1] if name == "y" else shown,
        }  # fmt: skip


def _frame(queries: range, keys: range, style: Style) -> dict[str, object]:
    """The outline of a part, in tokens."""
    return {
        "type": "rect", "x0": keys.start - 0.5, "x1": keys.stop - 0.5, "y0": queries.start - 0.5,
        "y1": queries.stop - 0.5, "line": {"color": theme(style).accent, "width": 2},
    }  # fmt: skip
