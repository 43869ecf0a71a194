"""One node in every head, side by side: in the middle the node, round it those it looks at, as thick as the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.graph.shapes import Point, Shape, band, outline, ring
from attnviz.figures.paint.labels import escaped
from attnviz.figures.paint.palette import layout, theme
from attnviz.selection import PLAIN, Style

WIDE, LEAST = 0.22, 0.008  # a weight of 1, and of 0, in a star of radius 0.36
RADIUS, MIDDLE = 0.36, 0.17  # of the star, and of the ring that stands for the node itself
HIGH = 176  # pixels of a row
NUMBERS = 8  # neighbours; with more the numbers run into each other


@dataclass(frozen=True)
class Star:
    """One head: its title, and the weights `[key]` that the node gives itself, first, and each neighbour."""

    title: str
    weights: Float[Tensor, " key"]


def stars(labels: Sequence[str], drawn: Sequence[Star], across: int, style: Style = PLAIN) -> go.Figure:
    """All heads of one node; `labels` are the node's own, first, and its neighbours'. So many stand in a row."""
    rows = -(-len(drawn) // across)
    middles = [(number % across + 0.5, number // across + 0.56) for number in range(len(drawn))]
    chosen = theme(style)
    shapes = [shape for star, at in zip(drawn, middles, strict=True) for shape in _shapes(star, at)]
    thin = [band(at, _round(at, n, len(labels) - 1), LEAST) for at in middles for n in range(len(labels) - 1)]
    return go.Figure(
        {
            "data": [
                _filled(thin, chosen.faint), _filled(shapes, chosen.accent), _words(labels, drawn, middles, style),
            ],
            "layout": {
                **layout(chosen, height=style.pixels(HIGH * rows), t=2, b=2, l=2, r=2),
                "annotations": [
                    {"x": x, "y": y - 0.5, "text": escaped(star.title, 28), "showarrow": False, "yanchor": "top",
                     "font": {"size": 12}}
                    for star, (x, y) in zip(drawn, middles, strict=True)
                ],
                "xaxis": {"visible": False, "fixedrange": True, "range": [0, across]},
                "yaxis": {"visible": False, "fixedrange": True, "range": [rows + 0.1, 0], "scaleanchor": "x"},
            },
        }
    )  # fmt: skip


def _round(at: Point, number: int, count: int) -> Point:
    """Where a neighbour stands, from the top on, clockwise."""
    turn = 2 * math.pi * number / max(count, 1) - math.pi / 2
    return at[0] + RADIUS * math.cos(turn), at[1] + RADIUS * math.sin(turn)


def _shapes(star: Star, at: Point) -> list[Shape]:
    own, *others = star.weights.tolist()
    spokes = [band(at, _round(at, n, len(others)), weight * WIDE) for n, weight in enumerate(others) if weight > 0]
    return [ring(at, MIDDLE * 0.6, own * WIDE * 0.7), *spokes] if own > 0 else spokes


def _filled(shapes: Sequence[Shape], colour: str) -> dict[str, Any]:
    x, y = outline(shapes)
    return {
        "type": "scatter", "x": x, "y": y, "mode": "lines", "fill": "toself", "fillcolor": colour, "opacity": 0.8,
        "line": {"width": 0}, "hoverinfo": "skip",
    }  # fmt: skip


def _words(labels: Sequence[str], drawn: Sequence[Star], middles: Sequence[Point], style: Style) -> dict[str, Any]:
    """Whom it looks at, by name, with the weight where there is room."""
    points, texts, said = list[Point](), list[str](), list[str]()
    for star, at in zip(drawn, middles, strict=True):
        for number, (label, weight) in enumerate(zip(labels, star.weights.tolist(), strict=True)):
            points.append(at if number == 0 else _round(at, number - 1, len(labels) - 1))
            name = escaped(label, 6)
            texts.append(f"{name}<br>{weight:.2f}" if len(labels) - 1 <= NUMBERS else name)
            said.append(f"{escaped(label)} {weight:.4f}")
    return {
        "type": "scatter", "mode": "text", "x": [x for x, _ in points], "y": [y for _, y in points], "text": texts,
        "hovertext": said, "hovertemplate": "%{hovertext}<extra></extra>", "cliponaxis": False,
        "textfont": {"size": 11, "color": theme(style).text},
    }  # fmt: skip
