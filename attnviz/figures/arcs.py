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

from attnviz.axes import Characters
from attnviz.figures.paint.labels import shortened, text_width
from attnviz.figures.paint.palette import FONT, Diverging, diverging, theme
from attnviz.measures.readings import Lean, Place, joined
from attnviz.selection import PLAIN, Style
from attnviz.trace import Trace

SIZE, PAD, GAP = 30, 7, 6  # pixels at full size: the letters, inside a box beside them, between two boxes
SPACE = 8  # pixels of a space inside a box
ARCH, ROW = 84, 46  # the room for arcs, and for the letters in their boxes
LEAST = 0.1  # weights below are not drawn
THICK = 9.0  # pixels of a weight of 1
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
    words = [tuple(at - low for at in run if low <= at < high) for run in joined(weights)]
    return Arcs(
        tuple(trace.tokens[at] for at in text[low:high]), mean[low:high, low:high],
        tuple(word for word in words if word), _spaced(trace, text[low:high]),
        side if place in found.readers(side) else None, (low > 0, high < len(text)),
    )  # fmt: skip


def _spaced(trace: Trace, tokens: Sequence[int]) -> tuple[bool, ...]:
    """Before which of these tokens does the text have a space?"""
    spans = [trace.queries.stands_for(at) for at in tokens]
    starts = [span[0] if isinstance(span, Characters) else 0 for span in spans]
    return tuple(trace.text[max(start - 1, 0) : start].isspace() for start in starts)


def _window(trace: Trace, found: Lean, text: Sequence[int]) -> tuple[int, int]:
    """Which tokens of the text are drawn: all, or `MOST` around where the units differ."""
    apart = set(found.first.units) ^ set(found.second.units)
    spans = [trace.queries.stands_for(at) for at in text]
    starts = [span[0] if isinstance(span, Characters) else -1 for span in spans]
    inside = [number for number, start in enumerate(starts) if any(a <= start < b for a, b in apart)]
    if len(text) <= MOST or not inside:
        return 0, min(len(text), MOST)
    low = max(0, min((inside[0] + inside[-1]) // 2 - MOST // 2, len(text) - MOST))
    return low, low + MOST


def arcs(drawn: Arcs, style: Style = PLAIN) -> str:
    """The picture as SVG: arcs above the letters as thick as their weight, boxes round the words that are joined."""
    colour = colour_of(drawn.side, style)
    labels = [shortened(label, 14) for label in drawn.labels]
    edges, at = list[tuple[float, float]](), float(PAD + 20 * drawn.cut[0])
    first = {word[0] for word in drawn.words}
    for number, label in enumerate(labels):
        at += GAP + 2 * PAD if number in first and number else SPACE if number and drawn.spaced[number] else 0
        edges.append((at, at := at + text_width(label, SIZE)))
    width = at + PAD + 2 + 20 * drawn.cut[1]
    parts = [*_arches(drawn, edges, colour), *_boxes(drawn, edges, colour), *_letters(drawn, labels, edges, style)]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{ARCH + ROW}' "
        f"viewBox='0 0 {width:.0f} {ARCH + ROW}' font-family=\"{FONT}\" font-size='{SIZE}'>{''.join(parts)}</svg>"
    )


def colour_of(side: int | None, style: Style = PLAIN) -> str:
    """The colour of a reading in every picture, word and table; grey where no head holds it."""
    two: Diverging = diverging(style.dark)
    return theme(style).faint if side is None else (two.first, two.second)[side]


def _arches(drawn: Arcs, edges: Sequence[tuple[float, float]], colour: str) -> list[str]:
    """An arc for every pair that looks at each other enough, the long ones higher."""
    middle = [(left + right) / 2 for left, right in edges]
    weights = torch.triu(drawn.weights, diagonal=1)
    found = []
    for one, other in (weights >= LEAST).nonzero().tolist():
        weight, apart = float(weights[one, other]), middle[other] - middle[one]
        top = ARCH - 2 * min(12 + apart * 0.28, ARCH - 10)  # the curve rises half as high as its middle point
        found.append(
            f"<path d='M{middle[one]:.1f} {ARCH} Q{(middle[one] + middle[other]) / 2:.1f} {top:.1f} "
            f"{middle[other]:.1f} {ARCH}' fill='none' stroke='{colour}' stroke-width='{max(THICK * weight, 1):.1f}' "
            f"stroke-opacity='{min(0.35 + weight, 1):.2f}' data-weight='{weight:.3f}'/>"
        )
    return found


def _boxes(drawn: Arcs, edges: Sequence[tuple[float, float]], colour: str) -> list[str]:
    """A frame round each word; thin and dotted round a token alone."""
    found = []
    for word in drawn.words:
        left, right = edges[word[0]][0] - PAD, edges[word[-1]][1] + PAD
        line = "stroke-width='2.5'" if len(word) > 1 else "stroke-width='1' stroke-dasharray='2 3'"
        found.append(
            f"<rect x='{left + 1:.1f}' y='{ARCH + 2}' width='{right - left - 2:.1f}' height='{ROW - 4}' rx='6' "
            f"fill='none' stroke='{colour}' {line}/>"
        )
    return found


def _letters(
    drawn: Arcs, labels: Sequence[str], edges: Sequence[tuple[float, float]], style: Style
) -> list[str]:  # fmt: skip
    """The tokens, and dots where the text goes on."""
    line, ink = ARCH + ROW * 0.68, theme(style).text
    found = [
        f"<text x='{(left + right) / 2:.1f}' y='{line:.0f}' text-anchor='middle' fill='{ink}'>{html.escape(label)}"
        "</text>"
        for label, (left, right) in zip(labels, edges, strict=True)
    ]
    ends = [(edges[0][0] - PAD - 18, drawn.cut[0]), (edges[-1][1] + PAD + 2, drawn.cut[1])] if edges else []
    return [*found, *(f"<text x='{x:.1f}' y='{line:.0f}' fill='{ink}'>…</text>" for x, goes_on in ends if goes_on)]
