"""A graph as a plain drawing, for a training that is watched: it is replaced many times a second, as Plotly is not."""

from __future__ import annotations

import html
import math

from attnviz.figures.graph.picture import ACROSS, HEIGHT, HUES, LEAST, Drawn, shapes_of
from attnviz.figures.graph.shapes import Point, Shape, band
from attnviz.figures.paint.labels import shortened
from attnviz.figures.paint.palette import FONT, series, theme
from attnviz.figures.teaching.image import image
from attnviz.selection import PLAIN, Style

UNIT, EDGE = 380, 0.09  # pixels of the unit square's side, and what lies round it in its units
NODE = 11  # pixels: half the width of a node
CORNERS = ((32, 0.0), (4, 0.5), (4, 0.0), (3, 0.25), (6, 0.0), (5, 0.75), (8, 0.5))  # of each class, and its turn


def frame(drawn: Drawn, alt: str, style: Style = PLAIN) -> str:
    """The same nodes, widths and colours as `picture.paint` has, as an image of a page."""
    look, places = theme(style), drawn.places
    looked = shapes_of(drawn, places)
    thin = [band(places[i], places[j], LEAST) for i, j in drawn.pairs]
    rest, own = ([shape for looks, shape in looked if (looks == drawn.chosen) is mine] for mine in (False, True))
    paths = "".join(
        _path(shapes, colour)
        for shapes, colour in ((thin, look.faint), (rest, series(5, style.dark)), (own, look.accent))
    )
    nodes = "".join(_node(drawn, node, _at(place), style) for node, place in enumerate(places))
    width, height = (ACROSS + 2 * EDGE) * UNIT, (1 + 2 * EDGE) * UNIT
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' "
        f"font-family=\"{FONT}\" text-anchor='middle' font-size='11'>{paths}{nodes}</svg>"
    )
    return image(svg, alt, f"width:100%;height:{HEIGHT}px")


def _at(place: Point) -> Point:
    """A place of the picture in pixels."""
    return (place[0] + EDGE) * UNIT, (place[1] + EDGE) * UNIT


def _path(shapes: list[Shape], colour: str) -> str:
    """Filled shapes."""
    drawn = "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in map(_at, shape)) + "Z" for shape in shapes
    )  # fmt: skip
    return f"<path d='{drawn}' fill='{colour}'/>"


def _node(drawn: Drawn, node: int, at: Point, style: Style) -> str:
    """A node with its name."""
    look, kind = theme(style), drawn.kinds[node]
    corners, turn = CORNERS[kind % len(CORNERS)]
    outline = " ".join(
        f"{at[0] + NODE * math.cos(angle):.1f},{at[1] + NODE * math.sin(angle):.1f}"
        for angle in (2 * math.pi * (corner + turn) / corners for corner in range(corners))
    )
    chosen = node == drawn.chosen
    rim, colour = (4 if chosen else 3 if node in drawn.known else 1), look.accent if chosen else look.text
    fill, name = series(HUES[kind % len(HUES)], style.dark), html.escape(shortened(drawn.labels[node], 6))
    return (
        f"<polygon points='{outline}' fill='{fill}' stroke='{colour}' stroke-width='{rim}'/>"
        f"<text x='{at[0]:.1f}' y='{at[1] + 4:.1f}' fill='{look.on_full}'>{name}</text>"
    )
