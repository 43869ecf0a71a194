"""One node in every head, side by side: in the middle the node, round it those it looks at, as thick as the weights."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from attnviz.figures.graph.shapes import Point, Shape, band, ring
from attnviz.figures.paint.labels import shortened
from attnviz.figures.paint.palette import FONT, Colours, theme
from attnviz.figures.teaching.image import image
from attnviz.selection import PLAIN, Style

WIDE, LEAST = 42, 1.2  # pixels: a weight of 1, and of 0
RADIUS, LOOP, OUT = 62, 15, 19  # of the star, of the ring that stands for the node itself, and of names beyond the star
SIDE = 196  # of a drawing
LONGEST = 6  # characters of a name


@dataclass(frozen=True)
class Star:
    """One head: its title, the weights `[key]` that the node gives itself, first, and each neighbour; and `alt`, the
    same in a sentence."""

    title: str
    weights: Float[Tensor, " key"]
    alt: str


def stars(labels: Sequence[str], drawn: Sequence[Star], style: Style = PLAIN) -> str:
    """All heads of one node as HTML, as many in a row as the screen has room for.

    `labels` are the node's own, first, and its neighbours', which stand round it from the top on.
    """
    figures = "".join(
        f"<figure style='margin:0;flex:1 1 150px;max-width:{SIDE}px'>"
        f"<figcaption style='font-size:0.9rem;text-align:center'>{html.escape(one.title)}</figcaption>"
        f"{image(_svg(labels, one, theme(style)), one.alt, 'width:100%')}</figure>"
        for one in drawn
    )
    return f"<div style='display:flex;flex-wrap:wrap;gap:0.5rem 0.9rem'>{figures}</div>"


def _svg(labels: Sequence[str], star: Star, look: Colours) -> str:
    """One head."""
    middle, count = (SIDE / 2, SIDE / 2), len(labels) - 1
    own, *others = star.weights.tolist()
    ends = [_round(middle, number / max(count, 1), RADIUS) for number in range(count)]
    thin = [band(middle, end, LEAST) for end in ends]
    thick = [band(middle, end, weight * WIDE) for end, weight in zip(ends, others, strict=True) if weight > 0]
    rings = [ring(middle, LOOP, min(own * WIDE, 2 * LOOP))] if own > 0 else []
    words = [_word(middle, labels[0], None, look)] + [
        _word(_round(middle, number / count, RADIUS + OUT), labels[number + 1], others[number], look)
        for number in range(count)
    ]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{SIDE}' height='{SIDE}' viewBox='0 0 {SIDE} {SIDE}' "
        f"font-family=\"{FONT}\" text-anchor='middle' font-size='12'>"
        f"{_paths(thin, look.faint)}{_paths(thick, look.accent)}{_paths(rings, look.accent)}{''.join(words)}</svg>"
    )


def _round(middle: Point, share: float, far: float) -> Point:
    """A place round the middle, from the top on, clockwise."""
    turn = 2 * math.pi * share - math.pi / 2
    return middle[0] + far * math.cos(turn), middle[1] + far * math.sin(turn)


def _paths(shapes: Sequence[Shape], colour: str) -> str:
    """Filled shapes."""
    drawn = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shape) + "Z" for shape in shapes)
    return f"<path d='{drawn}' fill='{colour}' fill-rule='nonzero'/>" if drawn else ""


def _word(at: Point, label: str, weight: float | None, look: Colours) -> str:
    """A name, and under it the weight; the node's own in the middle, on a ground that parts it from the lines."""
    name = html.escape(shortened(label, LONGEST))
    if weight is None:
        return (
            f"<circle cx='{at[0]}' cy='{at[1]}' r='11' fill='{look.ramp[0]}'/>"
            f"<text x='{at[0]}' y='{at[1] + 4}' fill='{look.text}' font-weight='600' "
            f"font-size='{12 if len(name) < 4 else 9}'>{name}</text>"
        )
    number = f"<tspan x='{at[0]:.1f}' dy='12' font-size='11'>{weight:.2f}</tspan>"
    return f"<text x='{at[0]:.1f}' y='{at[1]:.1f}' fill='{look.text}'>{name}{number}</text>"
