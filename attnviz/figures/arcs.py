"""A text as one head reads it: words boxed that it joins, an arc for each pair of tokens that look at each other.

An SVG that grows and shrinks with the screen, since a sentence must be seen whole on a phone too: labels of a Plotly
figure keep their size and would run into each other.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.paint.labels import shortened, text_width
from attnviz.figures.paint.palette import FONT, theme
from attnviz.figures.readings import side_colours
from attnviz.measures.held import spans_of, spelled
from attnviz.measures.readings import Lean, Place, unit_places, units_of
from attnviz.selection import PLAIN, Style
from attnviz.trace import Trace

SIZE, PAD, GAP = 30, 7, 6  # pixels at full size: the letters, inside a box beside them, between two boxes
SPACE = 8  # pixels of a space inside a box
ARCH, LOW, ROW = 72, 26, 46  # the most and the least room for arcs, and the room for the letters in their boxes
LEAST = 0.1  # weights below are not drawn
THICK = 9.0  # pixels of a weight of 1
PALE = 0.45  # the opacity of arcs from a head that holds no reading clearly, at most
MOST = 30  # tokens; of a longer text those around where the readings differ


@dataclass(frozen=True)
class Arcs:
    """What is drawn: tokens, the mean of both weights of each pair, the words that they join.

    `spaced`: which tokens have a space before them in the text; `side` None is pale; `cut`: the text goes on there.
    """

    labels: tuple[str, ...]
    weights: Float[Tensor, "token token"]
    words: tuple[tuple[int, ...], ...]
    spaced: tuple[bool, ...]
    side: int | None
    cut: tuple[bool, bool] = (False, False)


def arcs_of(trace: Trace, found: Lean, place: Place, side: int) -> Arcs:
    """How does this head read the text, for the first (0) or second (1) reading? Pale unless it holds that clearly."""
    text = [at for at, special in enumerate(trace.special) if not special]
    weights = trace.weights(*place)[text][:, text]
    mean = (weights + weights.T) / 2
    low, high = _window(trace, found, text)
    units = units_of(trace, spelled(trace, *place))
    words = [tuple(at - low for at in run if low <= at < high) for run in unit_places([units[at] for at in text])]
    return Arcs(
        tuple(shortened(trace.tokens[at], 14) for at in text[low:high]), mean[low:high, low:high],
        tuple(word for word in words if word), _spaced(trace, text[low:high]),
        side if place in found.readers(side) else None, (low > 0, high < len(text)),
    )  # fmt: skip


def _spaced(trace: Trace, tokens: Sequence[int]) -> tuple[bool, ...]:
    """Before which of these tokens does the text have a space?"""
    spans = spans_of(trace)
    starts = [one[0] if (one := spans[at]) else 0 for at in tokens]
    return tuple(trace.text[max(start - 1, 0) : start].isspace() for start in starts)


def _window(trace: Trace, found: Lean, text: Sequence[int]) -> tuple[int, int]:
    """Which tokens of the text are drawn: all, or `MOST` around where the units differ."""
    apart = set(found.first.units) ^ set(found.second.units)
    spans = spans_of(trace)
    starts = [one[0] if (one := spans[at]) else -1 for at in text]
    inside = [number for number, start in enumerate(starts) if any(a <= start < b for a, b in apart)]
    if len(text) <= MOST or not inside:
        return 0, min(len(text), MOST)
    low = max(0, min((inside[0] + inside[-1]) // 2 - MOST // 2, len(text) - MOST))
    return low, low + MOST


def room(drawn: Arcs) -> float:
    """How many pixels do the arcs of this picture need above the letters?"""
    edges = _edges(drawn)
    apart = [edges[b][0] - edges[a][0] for a, b in _pairs(drawn)]
    return max([LOW, *(_rise(one) + THICK / 2 for one in apart)])


def across(drawn: Arcs) -> float:
    """How wide is this picture at full size, in pixels?"""
    edges = _edges(drawn)
    return (edges[-1][1] if edges else 0) + PAD + 2 + 20 * drawn.cut[1]


def arcs(drawn: Arcs, style: Style = PLAIN, arch: float | None = None) -> str:
    """The picture as SVG: arcs above the letters as thick as their weight, boxes round the words that are joined.

    `arch` is the room above the letters, as `room` says: one for all pictures that stand side by side.
    """
    arch = room(drawn) if arch is None else arch
    colour = colour_of(drawn.side, style)
    edges, width = _edges(drawn), across(drawn)
    parts = [*_arches(drawn, edges, colour), *_boxes(drawn, edges, colour), *_letters(drawn, edges, style)]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{arch + ROW:.0f}' "
        f"viewBox='0 {-arch:.0f} {width:.0f} {arch + ROW:.0f}' font-family=\"{FONT}\" font-size='{SIZE}'>"
        f"{''.join(parts)}</svg>"
    )


def middles(drawn: Arcs) -> list[float]:
    """Where is the middle of each token across, in pixels at full size?"""
    return [(left + right) / 2 for left, right in _edges(drawn)]


def _edges(drawn: Arcs) -> list[tuple[float, float]]:
    """Where each token begins and ends across, in pixels."""
    edges, at = list[tuple[float, float]](), float(PAD + 20 * drawn.cut[0])
    first = {word[0] for word in drawn.words}
    for number, label in enumerate(drawn.labels):
        at += GAP + 2 * PAD if number in first and number else SPACE if number and drawn.spaced[number] else 0
        edges.append((at, at := at + text_width(label, SIZE)))
    return edges


def _pairs(drawn: Arcs) -> list[tuple[int, int]]:
    """The pairs that have an arc, the earlier token first."""
    found: list[list[int]] = (torch.triu(drawn.weights, diagonal=1) >= LEAST).nonzero().tolist()
    return [(one, other) for one, other in found]


def _rise(apart: float) -> float:
    """How high an arc is over so many pixels."""
    return min(6 + apart * 0.2, ARCH)


def colour_of(side: int | None, style: Style = PLAIN) -> str:
    """The colour of a reading in every picture, word and table; grey where no head holds it."""
    return theme(style).faint if side is None else side_colours(style.dark)[side]


def _arches(drawn: Arcs, edges: Sequence[tuple[float, float]], colour: str) -> list[str]:
    """An arc for every pair that looks at each other enough, the long ones higher."""
    middle = middles(drawn)
    most = 1.0 if drawn.side is not None else PALE
    found = []
    for one, other in _pairs(drawn):
        weight, top = float(drawn.weights[one, other]), -2 * _rise(middle[other] - middle[one])
        found.append(  # the curve rises half as high as its middle point
            f"<path d='M{middle[one]:.1f} 0 Q{(middle[one] + middle[other]) / 2:.1f} {top:.1f} "
            f"{middle[other]:.1f} 0' fill='none' stroke='{colour}' stroke-width='{max(THICK * weight, 1):.1f}' "
            f"stroke-opacity='{min(0.35 + weight, most):.2f}' data-weight='{weight:.3f}'/>"
        )
    return found


def _boxes(drawn: Arcs, edges: Sequence[tuple[float, float]], colour: str) -> list[str]:
    """A frame round each word; thin and dotted round a token alone."""
    found = []
    for word in drawn.words:
        left, right = edges[word[0]][0] - PAD, edges[word[-1]][1] + PAD
        line = "stroke-width='2.5'" if len(word) > 1 else "stroke-width='1' stroke-dasharray='2 3'"
        found.append(
            f"<rect x='{left + 1:.1f}' y='2' width='{right - left - 2:.1f}' height='{ROW - 4}' rx='6' "
            f"fill='none' stroke='{colour}' {line}/>"
        )
    return found


def _letters(drawn: Arcs, edges: Sequence[tuple[float, float]], style: Style) -> list[str]:
    """The tokens, and dots where the text goes on."""
    line, ink = ROW * 0.68, theme(style).text
    found = [
        f"<text x='{(left + right) / 2:.1f}' y='{line:.0f}' text-anchor='middle' fill='{ink}'>{html.escape(label)}"
        "</text>"
        for label, (left, right) in zip(drawn.labels, edges, strict=True)
    ]
    ends = [(edges[0][0] - PAD - 18, drawn.cut[0]), (edges[-1][1] + PAD + 2, drawn.cut[1])] if edges else []
    return [*found, *(f"<text x='{x:.1f}' y='{line:.0f}' fill='{ink}'>…</text>" for x, goes_on in ends if goes_on)]
