"""A graph: nodes in the colour and the shape of their class, edges as thick as their weights.

A node i that looks at j has the half of the edge nearest to itself as thick as the weight that it gives j, and a ring
for what it gives itself. So the widths round every node are, together, always the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.figures.graph.shapes import LOOP, WIDE, Shape, away, band, middle, outline, ring
from attnviz.figures.paint.labels import escaped
from attnviz.figures.paint.palette import layout, series, theme
from attnviz.selection import PLAIN, Style

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon")
HUES = (0, 3, 2, 4, 5, 1, 0)  # the series of each class; orange, which is the open node's, comes last
HEIGHT, ACROSS = 470, 1.45  # pixels; how many times as wide as high
LEAST = 0.004  # the width of an edge whose weight is 0: it is there all the same
MANY, SHORT = 60, 2  # nodes, and characters of a name; with more the marks are smaller and the names beside them
FEW = 3  # neighbours that pointing at a node names


@dataclass(frozen=True)
class Drawn:
    """Nodes (`labels`, `points` in the unit square), and `weights` [node, node]: row i is what node i gives each.

    `allowed` is True where i may look at j; where i's weights are not known they are 0. `kinds` is the class of each
    node by number, `classes` their names; `known` are the nodes whose class was given, `chosen` is the node that is
    open, `cut` the edges that were taken away.
    """

    labels: Sequence[str]
    points: Sequence[tuple[float, float]]
    weights: Float[Tensor, "node node"]
    allowed: Bool[Tensor, "node node"]
    kinds: Sequence[int]
    classes: Sequence[str]
    known: frozenset[int] = frozenset()
    chosen: int = 0
    cut: Sequence[tuple[int, int]] = ()

    @property
    def places(self) -> list[tuple[float, float]]:
        """Where each node stands in the picture."""
        return [(x * ACROSS, y) for x, y in self.points]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The edges between two nodes, each once."""
        found = {(min(i, j), max(i, j)) for i, j in self.allowed.nonzero().tolist() if i != j}
        return sorted(found)


def paint(drawn: Drawn, style: Style = PLAIN) -> go.Figure:
    """The picture; a click on a node reports (0, its number)."""
    chosen = theme(style)
    places = drawn.places
    own, rest = list[Shape](), list[Shape]()
    for looks, shape in shapes_of(drawn, places):
        (own if looks == drawn.chosen else rest).append(shape)
    thin = [band(places[i], places[j], LEAST) for i, j in drawn.pairs]
    return go.Figure(
        {
            "data": [
                _filled(thin, chosen.faint), _cut(drawn, places, chosen.accent),
                _filled(rest, series(5, style.dark)), _filled(own, chosen.accent),
                *_nodes(drawn, places, style),
            ],
            "layout": {
                **layout(chosen, height=style.pixels(HEIGHT), t=34, b=4), "showlegend": True,
                "legend": {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0, "itemclick": False,
                           "itemdoubleclick": False},
                "xaxis": {"visible": False, "fixedrange": True, "range": [-0.09, ACROSS + 0.09]},
                "yaxis": {"visible": False, "fixedrange": True, "range": [1.09, -0.09], "scaleanchor": "x"},
            },
        }
    )  # fmt: skip


def shapes_of(drawn: Drawn, places: list[tuple[float, float]]) -> list[tuple[int, Shape]]:
    """For each node that looks, the near halves of its edges and its ring."""
    found: list[tuple[int, Shape]] = []
    for i, j in drawn.allowed.nonzero().tolist():
        width = float(drawn.weights[i, j]) * WIDE
        if width <= 0:
            continue
        if i != j:
            found.append((i, band(places[i], middle(places[i], places[j]), width)))
            continue
        others = [places[k] for k in drawn.allowed[i].nonzero().flatten().tolist() if k != i]
        found.append((i, ring(away(places[i], others), LOOP, width)))
    return found


def _filled(shapes: Sequence[Shape], colour: str) -> dict[str, Any]:
    """Shapes of one colour as one trace that does not answer to the pointer."""
    x, y = outline(shapes)
    return {
        "type": "scatter", "x": x, "y": y, "mode": "lines", "fill": "toself", "fillcolor": colour,
        "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip


def _cut(drawn: Drawn, places: list[tuple[float, float]], colour: str) -> dict[str, Any]:
    """The edges that were taken away, dotted."""
    x, y = outline([[places[i], places[j]] for i, j in drawn.cut if i < j or (j, i) not in drawn.cut])
    return {
        "type": "scatter", "x": x, "y": y, "mode": "lines", "line": {"width": 1.5, "dash": "dot", "color": colour},
        "hoverinfo": "skip", "showlegend": False,
    }  # fmt: skip


def _nodes(drawn: Drawn, places: list[tuple[float, float]], style: Style) -> list[dict[str, Any]]:
    """A trace for each class."""
    found = []
    for kind, name in enumerate(drawn.classes):
        nodes = [node for node, one in enumerate(drawn.kinds) if one == kind]
        if nodes:
            found.append(_marks(drawn, places, style, kind, nodes) | {"name": escaped(name, 28)})
    return found


def _marks(
    drawn: Drawn, places: list[tuple[float, float]], style: Style, kind: int, nodes: list[int]
) -> dict[str, Any]:  # fmt: skip
    """The nodes of one class."""
    chosen = theme(style)
    many = len(drawn.labels) > MANY or max(map(len, drawn.labels)) > SHORT
    edges = [4.0 if node == drawn.chosen else 3.0 if node in drawn.known else 1.0 for node in nodes]
    colours = [chosen.accent if node == drawn.chosen else chosen.text for node in nodes]
    size = 15 if many else 23
    return {
        "type": "scatter", "mode": "markers+text", "meta": "nodes",  # `ticks.js` makes them smaller on a phone
        "x": [places[n][0] for n in nodes],
        "y": [places[n][1] for n in nodes], "text": [escaped(drawn.labels[n], 6) for n in nodes],
        "textposition": "top center" if many else "middle center",
        "textfont": {"size": 10 if many else 11, "color": chosen.text if many else chosen.on_full},
        "customdata": [(0, n) for n in nodes], "cliponaxis": False,
        "hovertext": [_said(drawn, n) for n in nodes], "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "color": series(HUES[kind % len(HUES)], style.dark), "symbol": SYMBOLS[kind % len(SYMBOLS)], "opacity": 1,
            "size": [size + 5 if n == drawn.chosen else size for n in nodes],
            "line": {"width": edges, "color": colours},
        },
    }  # fmt: skip


def _said(drawn: Drawn, node: int) -> str:
    """What pointing at a node says: its class, and at whom it looks most."""
    head = f"<b>{escaped(drawn.labels[node])}</b> {escaped(drawn.classes[drawn.kinds[node]], 28)}"
    return "<br>".join([head, *(f"{escaped(drawn.labels[j])} {weight:.3f}" for j, weight in most(drawn, node, FEW))])


def most(drawn: Drawn, node: int, count: int) -> list[tuple[int, float]]:
    """Whom a node gives most, and how much; itself among them."""
    keys = drawn.allowed[node].nonzero().flatten().tolist()
    row = drawn.weights[node]
    return sorted(((j, float(row[j])) for j in keys), key=lambda pair: (-pair[1], pair[0]))[:count]
