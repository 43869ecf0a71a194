"""One token asking the others: an arc to each, dashed before the answer is known, as thick as its weight afterwards."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.arcs import ARCH, MOST, PAD, ROW, SIZE, THICK, Arcs, across, arcs, colour_of, middles
from attnviz.figures.paint.labels import shortened, text_width
from attnviz.figures.paint.palette import theme
from attnviz.figures.teaching.image import image
from attnviz.selection import PLAIN, Style

REM = 16  # pixels of a rem: a picture grows with the text, which a projector shows larger


@dataclass(frozen=True)
class Asking:
    """One token of a sentence and what it gives to each: `weights` `[token]`, None while nobody has looked.

    `labels` and `spaced` (is there a space before it?) are those of the whole sentence; of a long one the tokens around
    `query` are drawn. `caption` is written above, `alt` is what a screen reader says.
    """

    labels: Sequence[str]
    spaced: Sequence[bool]
    query: int
    weights: Float[Tensor, " token"] | None
    alt: str
    caption: str = ""


def gallery(pictures: Sequence[Asking], style: Style = PLAIN) -> str:
    """Pictures side by side as HTML, as many in a row as the screen has room for."""
    return (
        "<div style='display:flex;flex-wrap:wrap;gap:0.4rem 1.6rem'>"
        + "".join(_figure(one, style) for one in pictures)
        + "</div>"
    )


def _figure(asking: Asking, style: Style) -> str:
    """One picture and what stands above it."""
    drawn, query = _cut(asking)
    width = across(drawn)
    high = min(11 + 0.2 * width, ARCH + THICK)  # room for the widest arc there may be: nothing jumps at the answer
    more = _mark(drawn, query, style) + (_questions(drawn, query, style) if asking.weights is None else "")
    picture = arcs(drawn, style, high).replace("</svg>", f"{more}</svg>")
    said = f"<figcaption style='font-size:0.9rem'>{html.escape(asking.caption)}</figcaption>" if asking.caption else ""
    look = f"margin:0;flex:0 1 {width / REM:.2f}rem;min-width:0;max-width:100%"
    return f"<figure style='{look}'>{said}{image(picture, asking.alt, 'width:100%')}</figure>"


def _cut(asking: Asking) -> tuple[Arcs, int]:
    """What is drawn, and which of its tokens asks."""
    count, query = len(asking.labels), asking.query
    low = max(0, min(query - MOST // 2, count - MOST))
    high = min(count, low + MOST)
    weights = torch.zeros(count, count)
    if asking.weights is not None:
        weights[query] = weights[:, query] = asking.weights
    return Arcs(
        tuple(shortened(label, 14) for label in asking.labels[low:high]), weights[low:high, low:high],
        tuple((at,) for at in range(high - low)), tuple(asking.spaced[low:high]), 0, (low > 0, high < count),
    ), query - low  # fmt: skip


def _mark(drawn: Arcs, query: int, style: Style) -> str:
    """The token that asks, on a ground of its own."""
    wide = text_width(drawn.labels[query], SIZE) + 2 * PAD
    return (
        f"<rect class='asks' x='{middles(drawn)[query] - wide / 2:.1f}' y='1' width='{wide:.1f}' height='{ROW - 2}' "
        f"rx='6' fill='{colour_of(0, style)}' fill-opacity='0.25'/>"
    )


def _questions(drawn: Arcs, query: int, style: Style) -> str:
    """A dashed line to each other token: it may look at any."""
    middle, colour = middles(drawn), theme(style).faint
    start = middle[query]
    return "".join(
        f"<path d='M{start:.1f} 0 Q{(start + x) / 2:.1f} {-min(12 + abs(x - start) * 0.4, 144):.1f} {x:.1f} 0' "
        f"fill='none' stroke='{colour}' stroke-width='1.2' stroke-dasharray='3 5'/>"
        for number, x in enumerate(middle)
        if number != query
    )
