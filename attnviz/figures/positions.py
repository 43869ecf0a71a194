"""Pictures of the encodings of positions: vectors by position, angles, biases by head; where words begin, by model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import TICK, bar, diverging, layout, ramp, room_for_bar, theme
from attnviz.figures.paint.written import written
from attnviz.messages import say
from attnviz.selection import PLAIN, Style

HEIGHT = 330
MOST_NUMBERS = 18  # columns; in more the numbers do not fit into the cells
MOST_LABELS = 40  # columns; of more every second, third, ... has its label


def vectors(values: Float[Tensor, "position dimension"], style: Style = PLAIN) -> go.Figure:
    """Which vector is added at each position? Positions down, dimensions across, two colours around 0."""
    top = max(float(values.abs().max()), 1e-6)
    ticks = [f"{-top:.2g}", "0", f"{top:.2g}"]
    coloured = {"colorscale": diverging(style.dark).ramp, "zmin": -top, "zmax": top}
    title = say("figure.positions_value", style.language)
    return _map(values, coloured, (title, [-top, 0.0, top], ticks), "dimension", style)


def turns(angles: Float[Tensor, "position pair"], style: Style = PLAIN) -> go.Figure:
    """By how much is each pair of dimensions turned at each position? Positions down, pairs across; no whole turns.

    The colours run round a circle: no turn and a whole turn look alike. Angles are in radians.
    """
    two, chosen = diverging(style.dark), theme(style)
    circle = [[0, chosen.ramp[0]], [0.25, two.first], [0.5, chosen.text], [0.75, two.second], [1, chosen.ramp[0]]]
    coloured = {"colorscale": circle, "zmin": 0, "zmax": 2 * math.pi}
    marks = [0.0, math.pi / 2, math.pi, 3 * math.pi / 2, 2 * math.pi]
    told = (say("figure.positions_angle", style.language), marks, ["0°", "90°", "180°", "270°", "360°"])
    figure = _map(angles.remainder(2 * math.pi), coloured, told, "pair", style)
    hover = say("figure.positions_hover_angle", style.language) + "<extra></extra>"
    figure.data[0].update(customdata=angles.numpy(), hovertemplate=hover)
    return figure


def _map(
    values: Tensor, coloured: dict[str, Any], told: tuple[str, list[float], list[str]], across: str, style: Style
) -> go.Figure:
    """Positions down, dimensions or pairs across."""
    chosen, language, (title, marks, ticks) = theme(style), style.language, told
    picture = {
        "type": "heatmap", "z": values.float().numpy(), **coloured, "colorbar": bar(title, marks, ticks, chosen),
        "hovertemplate": say(f"figure.positions_hover_{across}", language) + "<extra></extra>",
    }  # fmt: skip
    room = room_for_bar(title, ticks)
    return go.Figure(
        {
            "data": [picture],
            "layout": {
                **layout(chosen, height=style.pixels(HEIGHT), l=50, t=34, r=room),
                "xaxis": {**_axis(say(f"figure.positions_{across}", language)), "side": "top"},
                "yaxis": {**_axis(say("figure.positions_position", language)), "autorange": "reversed"},
            },
        }
    )


def _axis(title: str) -> dict[str, Any]:
    """An axis of whole numbers with its name."""
    return {
        "title": {"text": title, "font": {"size": TICK + 1}, "standoff": 4}, "tickfont": {"size": TICK},
        "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": "",
    }  # fmt: skip


def biases(
    bias: Float[Tensor, "head query key"],
    slopes: Sequence[float],
    style: Style = PLAIN,
) -> go.Figure:
    """What does each head add to the scores? Heads beside each other, queries down, keys across; darker is less.

    0 on the diagonal in every head; `slopes` name the heads.
    """
    chosen, language, (heads, rows, keys) = theme(style), style.language, bias.shape
    gap = torch.full((rows, 2), torch.nan)
    parts = [part for head in range(heads) for part in (bias[head].float(), gap)][:-1]
    lowest = min(float(bias.min()), -1e-6)
    title, ticks = say("figure.positions_bias", language), [f"{lowest:.2g}", f"{lowest / 2:.2g}", "0"]
    said = [[[query, key, head] for head in range(heads) for key in range(keys + 2)] for query in range(rows)]
    columns, stops = heads * (keys + 2) - 2, ramp(chosen)  # turned round: the most negative is the darkest
    picture = {
        "type": "heatmap", "z": torch.cat(parts, 1).numpy(), "zmin": lowest, "zmax": 0,
        "colorscale": [[at, colour] for (at, _), (_, colour) in zip(stops, reversed(stops), strict=True)],
        "hoverongaps": False,
        "customdata": [row[:columns] for row in said],
        "hovertemplate": say("figure.positions_hover_bias", language) + "<extra></extra>",
        "colorbar": bar(title, [lowest, lowest / 2, 0.0], ticks, chosen),
    }  # fmt: skip
    names = [say("figure.positions_slope", language, head=head, slope=f"{m:.2g}") for head, m in enumerate(slopes)]
    middles = [head * (keys + 2) + (keys - 1) / 2 for head in range(heads)]
    return go.Figure(
        {
            "data": [picture],
            "layout": {
                **layout(chosen, height=style.pixels(HEIGHT), l=50, t=42, r=room_for_bar(title, ticks)),
                "xaxis": {
                    **_axis(say("figure.positions_heads", language)),
                    "tickvals": middles,
                    "ticktext": names,
                    "side": "top",
                },
                "yaxis": {**_axis(say("figure.positions_query", language)), "autorange": "reversed"},
            },
        }
    )


def beginnings(
    chances: Float[Tensor, "row token"],
    rows: Sequence[str],
    tokens: Sequence[str],
    style: Style = PLAIN,
) -> go.Figure:
    """Where does each reading of the sentence see a word begin? Readings down, tokens across, probability as colour.

    Integer axes with tick text, so that equal tokens stay apart; every other gap is wide, so rows stand in pairs.
    """
    chosen = theme(style)
    title, ticks = say("figure.positions_begins", style.language), ["0", "0.5", "1"]
    places = [number + 0.35 * (number // 2) for number in range(len(rows))]
    names, labels = [escaped(row, 26) for row in rows], [escaped(token, 10) for token in tokens]
    every = list(range(0, len(labels), -(-len(labels) // MOST_LABELS) or 1))
    pictures = [
        _pair(chances[at : at + 2], names[at : at + 2], labels, places[at : at + 2], style)
        for at in range(0, len(rows), 2)
    ]
    if len(labels) <= MOST_NUMBERS:
        texts = [[f"{chance:.2f}" for chance in row] for row in chances.tolist()]
        pictures.append(written(texts, chances.tolist(), chosen.ramp, rows=places, size=TICK))
    pictures[0] |= {"showscale": True, "colorbar": bar(title, [0.0, 0.5, 1.0], ticks, chosen)}
    return go.Figure(
        {
            "data": pictures,
            "layout": {
                **layout(
                    chosen, height=style.pixels(60 + 25 * len(rows)), l=14 + widest(names, TICK + 1),
                    t=30, r=room_for_bar(title, ticks),
                ),
                "xaxis": {
                    **_axis(""), "tickvals": every, "ticktext": [labels[place] for place in every], "side": "top",
                    "tickfont": {"size": TICK + 1}, "tickangle": 0 if max(map(len, labels), default=1) <= 3 else -40,
                },
                "yaxis": {
                    **_axis(""), "tickvals": places, "ticktext": names, "autorange": "reversed",
                    "tickfont": {"size": TICK + 1},
                },
            },
        }
    )  # fmt: skip


def _pair(chances: Tensor, names: list[str], labels: list[str], places: list[float], style: Style) -> dict[str, Any]:
    """Two rows: one model's reading before and after."""
    return {
        "type": "heatmap", "z": chances.float().numpy(), "x": list(range(len(labels))), "y": places,
        "zmin": 0, "zmax": 1, "colorscale": ramp(theme(style)), "showscale": False, "xgap": 1, "ygap": 1,
        "customdata": [[[name, label] for label in labels] for name in names],
        "hovertemplate": say("figure.positions_hover_begins", style.language) + "<extra></extra>",
    }  # fmt: skip
