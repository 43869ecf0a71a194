"""Vectors as strips of coloured cells: one colour for numbers above 0, another and a minus for those below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.paint.between import legible, mixed
from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import TICK, bar, diverging, layout, room_for_bar, shade, theme
from attnviz.messages import say
from attnviz.selection import PLAIN, Style

ROW = 30  # pixels


@dataclass(frozen=True)
class Strip:
    """One vector `[d]` and its name."""

    name: str
    values: Float[Tensor, " d"]


def strips(drawn: Sequence[Strip], style: Style = PLAIN, *, top: float | None = None) -> go.Figure:
    """What are the numbers of these vectors? One row a vector, its first number on the left; hover gives each.

    Colours reach from -`top` to `top`, the largest magnitude of all unless given. Shorter vectors leave cells empty.
    """
    chosen, two = theme(style), diverging(style.dark)
    values = torch.nn.utils.rnn.pad_sequence(
        [strip.values.detach().float() for strip in drawn], batch_first=True, padding_value=torch.nan
    )
    most = highest(values) if top is None else top
    names = [escaped(strip.name) for strip in drawn]
    side = [-most, 0, most]
    title, ticks = say("figure.strip_bar", style.language), [f"{-most:.2g}", "0", f"{most:.2g}"]
    rows, columns = values.shape
    return go.Figure(
        {
            "data": [
                {
                    "type": "heatmap", "z": values.numpy(), "zmin": -most, "zmax": most, "colorscale": two.ramp,
                    "xgap": 1, "ygap": 4, "hoverongaps": False, "colorbar": bar(title, side, ticks, chosen),
                    "hovertemplate": "%{y}[%{x}] = %{z:.4f}<extra></extra>", "texttemplate": "%{text}",
                    "text": [["−" if value < 0 else "" for value in row] for row in values.tolist()],
                    "textfont": {"size": 9},  # no sign by hue alone
                }
            ],
            "layout": {
                **layout(
                    chosen, height=style.pixels(46 + ROW * max(rows, 3)), b=30,
                    l=14 + widest([s.name for s in drawn], 13), r=room_for_bar(title, ticks),
                ),
                "xaxis": {
                    "showgrid": False, "zeroline": False, "fixedrange": True, "range": [-0.5, columns - 0.5],
                    "tickfont": {"size": TICK}, "ticks": "",
                },
                "yaxis": {
                    "showgrid": False, "zeroline": False, "fixedrange": True, "range": [rows - 0.5, -0.5],
                    "tickvals": list(range(rows)), "ticktext": names, "tickfont": {"size": 13}, "ticks": "",
                },
            },
        }
    )  # fmt: skip


def highest(values: Tensor) -> float:
    """The largest magnitude, or 1 where all are 0: the end of the colours."""
    return float(values.nan_to_num(0.0).abs().max()) or 1.0


def background(values: Float[Tensor, " d"], top: float, *, dark: bool = False) -> str:
    """The same strip as a CSS background, for rows of a table.

    >>> background(torch.tensor([1.0, -1.0]), 1.0)
    'linear-gradient(to right,#01665e 0% 50%,#9a4d00 50% 100%)'
    """
    ramp = [colour for _, colour in diverging(dark).ramp]
    share = 100 / len(values)
    places = ((values.detach().float() / top).clamp(-1, 1) * 0.5 + 0.5).tolist()
    stops = (
        f"{mixed(ramp, place)} {number * share:.4g}% {(number + 1) * share:.4g}%" for number, place in enumerate(places)
    )
    return f"linear-gradient(to right,{','.join(stops)})"


def fills(weights: Float[Tensor, " key"], style: Style = PLAIN) -> list[tuple[str, str]]:
    """The ground of each key by its weight, and the ink that can be read on it, as CSS colours."""
    places = shade(weights[None].float(), style.scale)[0].clamp(0, 1).tolist()
    grounds = [mixed(theme(style).ramp, place) for place in places]
    return [(ground, legible(ground)) for ground in grounds]
