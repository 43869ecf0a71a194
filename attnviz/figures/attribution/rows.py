"""Ways of reading above one another over the same places, and how alike every two of them are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.figures.documents import Painted, Row
from attnviz.figures.paint.labels import escaped, text_width, widest
from attnviz.figures.paint.palette import TICK, bar, diverging, layout, room_for_bar, theme
from attnviz.figures.paint.written import written
from attnviz.figures.strips import highest
from attnviz.messages import say
from attnviz.selection import PLAIN, Style

HIGH = 25  # pixels of a row
MOST_LABELS = 48
ABOVE, CELL = 18, 20  # pixels of a row's name, which stands above its row, and of such a row
MINUS = 0.25  # of a row's largest: a negative number as large as that has its sign written


@dataclass(frozen=True)
class Way:
    """One way of reading: its name, its numbers `[place]`, and how well it agrees with the first of the ways."""

    name: str
    values: Float[Tensor, " place"]
    rank: float | None = None

    @property
    def titled(self) -> str:
        """The name, with the agreement where there is one."""
        return self.name if self.rank is None else f"{self.name} {_signed(self.rank)}"

    def shares(self, asked: int | None = None) -> Float[Tensor, " place"]:
        """Each number as a share of the row's largest magnitude, -1 to 1: what colours mean, for rows differ in unit.

        The place `asked` about does not count as the largest, for in many ways it keeps most for itself.

        >>> Way("a", torch.tensor([1.0, -4.0, 9.0])).shares(2).tolist()
        [0.25, -1.0, 1.0]
        """
        others = self.values.double().clone()
        if asked is not None:
            others[asked] = 0
        return (self.values.double() / highest(others)).clamp(-1, 1)


def _signed(value: float) -> str:
    return "–" if value != value else f"{value:.2f}".replace("-", "−")


def lines(ways: Sequence[Way], labels: Sequence[str], asked: int | None = None, joint: str = " ") -> list[Row]:
    """The text once for each way, its tokens on a ground of the share, whatever the sign; its bar is the agreement."""
    found = []
    for way in ways:
        parts = []
        for label, value, share in zip(labels, way.values.tolist(), way.shares(asked).tolist(), strict=True):
            said = f"{label} · {way.name} {value:.3g}"
            parts += [Painted(("−" if share <= -MINUS else "") + label, abs(share), said), Painted(joint)]
        found.append(Row(parts[:-1], _bar(way.rank), way.titled))
    return found


def _bar(rank: float | None) -> float:
    """How long is the bar of an agreement? None where it is unknown or the other way round."""
    return rank if rank is not None and rank > 0 else 0.0


def rows(
    ways: Sequence[Way],
    labels: Sequence[str],
    seen: Bool[Tensor, " place"],
    *,
    asked: int | None = None,
    every: int | None = None,
    style: Style = PLAIN,
) -> go.Figure:
    """What does each way say of each place? A row a way, its largest magnitude in full colour; hover has the number.

    Places that are not `seen` are empty; the cells of the place that is `asked` about are framed. With `every`, each
    so-manieth column is named, whole; else all, cut, where they are few. Rows are named above, so that the columns
    have the whole width: beside, the names of a dozen ways left a phone no pixel for them.
    """
    chosen, two = theme(style), diverging(style.dark)
    shares = torch.stack([way.shares(asked) for way in ways])
    signs = [["−" if share <= -MINUS else "" for share in row] for row in shares.tolist()]
    values = [[f"{value:.4g}" for value in way.values.tolist()] for way in ways]
    names = [escaped(way.titled, 40) for way in ways]
    title, ticks = say("figure.reasons_bar", style.language), ["−1", "0", "1"]
    figure = grid(
        {
            "z": shares.masked_fill(~seen, torch.nan).numpy(), "colorscale": two.ramp, "text": signs,
            "customdata": values, "colorbar": bar(title, [-1, 0, 1], ticks, chosen),
        },
        (names, [escaped(label, 12) for label in labels]), style, room_for_bar(title, ticks),
        frames=[] if asked is None else [_frame(asked, row, chosen.accent) for row in range(len(ways))],
    )  # fmt: skip
    if every is not None:
        named = range(0, len(labels), every)
        figure.update_xaxes(
            tickvals=[*named], ticktext=[escaped(labels[one], 12) for one in named], showticklabels=True
        )
    return _named_above(figure, names)


def _named_above(figure: go.Figure, names: Sequence[str]) -> go.Figure:
    """The figure with the names of its rows moved from the left to above each."""
    above = [
        {
            "text": name, "xref": "paper", "x": 0, "xanchor": "left", "y": row - 0.5, "yanchor": "middle",
            "showarrow": False, "font": {"size": 12},
        }
        for row, name in enumerate(names)
    ]  # fmt: skip
    figure.update_traces(ygap=ABOVE + 2)
    figure.update_yaxes(showticklabels=False)
    taller = figure.layout.height + (ABOVE + CELL - HIGH) * len(names)
    return figure.update_layout(annotations=above, height=taller, margin={"l": 14, "t": 14 + ABOVE // 2})


def alike(names: Sequence[str], values: Float[Tensor, "way way"], style: Style = PLAIN) -> go.Figure:
    """How alike are every two ways? Rank correlations, -1 to 1, each written into its cell."""
    chosen, two = theme(style), diverging(style.dark)
    title, ticks = say("figure.reasons_rank", style.language), ["−1", "0", "1"]
    said = [[_signed(value) for value in row] for row in values.tolist()]
    short = [escaped(name, 40) for name in names]
    figure = grid(
        {
            "z": values.numpy(), "colorscale": two.ramp, "customdata": said,
            "colorbar": bar(title, [-1, 0, 1], ticks, chosen),
        },
        (short, short), style, room_for_bar(title, ticks),
    )  # fmt: skip
    shades = ((values.nan_to_num(0.0) + 1) / 2).tolist()
    figure.add_trace(written(said, shades, [colour for _, colour in two.ramp], rows=range(len(said)), size=9))
    return figure


def grid(
    picture: dict[str, Any],
    names: tuple[Sequence[str], Sequence[str]],
    style: Style,
    right: float,
    frames: Sequence[dict[str, object]] = (),
) -> go.Figure:
    """Cells between names on the left and names below."""
    left, below = names
    few = len(below) <= MOST_LABELS  # between many, gaps would be as wide as the cells on a phone, and all that is seen
    turned = max(map(len, below), default=1) > 2
    under = 12 + (widest(below, TICK) if turned else TICK)
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    return go.Figure(
        {
            "data": [
                {
                    "type": "heatmap", "zmin": -1, "zmax": 1, "xgap": int(few), "ygap": 2, "hoverongaps": False,
                    "x": list(range(len(below))), "y": list(range(len(left))),
                    **({"texttemplate": "%{text}", "textfont": {"size": 9}} if "text" in picture else {}),
                    **_said(picture, left, below),
                }
            ],
            "layout": {
                **layout(theme(style), height=style.pixels(round(24 + under + HIGH * len(left))), t=14, b=under,
                         l=14 + max(text_width(name, 12) for name in left), r=right),
                "xaxis": {**plain, "tickvals": list(range(len(below))), "ticktext": list(below), "showticklabels": few,
                          "tickfont": {"size": TICK}, "tickangle": -60 if turned else 0,
                          "range": [-0.5, len(below) - 0.5]},
                "yaxis": {**plain, "tickvals": list(range(len(left))), "ticktext": list(left), "tickfont": {"size": 12},
                          "range": [len(left) - 0.5, -0.5]},
                "shapes": list(frames),
            },
        }
    )  # fmt: skip


def _said(picture: dict[str, Any], left: Sequence[str], below: Sequence[str]) -> dict[str, Any]:
    """The picture with the names in its hover text, since equal labels (two 的) may not be one category."""
    numbers = picture.get("customdata") or picture["text"]
    told = [
        [f"{row} · {column}<br>{number}" for column, number in zip(below, line, strict=True)]
        for row, line in zip(left, numbers, strict=True)
    ]
    return {**picture, "customdata": told, "hovertemplate": "%{customdata}<extra></extra>"}


def _frame(column: int, row: int, colour: str) -> dict[str, object]:
    """Round one cell, which is lower than its row: the row's name stands above it."""
    half = 0.5 * CELL / (ABOVE + CELL)
    return {
        "type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - half, "y1": row + half,
        "line": {"color": colour, "width": 2}, "fillcolor": "rgba(0,0,0,0)",
    }  # fmt: skip
