"""The whole block as a row of boxes, from the tokens to the word that is said; what is spoken of now is filled."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from attnviz.figures.paint.labels import text_width, wrapped
from attnviz.figures.paint.palette import FONT, Colours, theme
from attnviz.figures.teaching.image import image
from attnviz.selection import PLAIN, Style

WIDTH, HEIGHT, GAP, LINE = 90, 54, 16, 17  # pixels: a box, the way to the next, a line of its words
SIZE, SMALLER = 14, 12.5
ROWS = 30  # pixels between two rows of boxes on a narrow screen
NARROW = 4  # boxes in a row there
CSS = (
    "<style>.block-wide,.block-narrow{width:100%;height:auto}.block-wide{max-width:50rem}"
    ".block-narrow{display:none;max-width:26.25rem}@media(max-width:640px){.block-wide{display:none}"
    ".block-narrow{display:block}}</style>"
)


@dataclass(frozen=True)
class Part:
    """One part of the block: its words, and how many there are of it side by side."""

    name: str
    beside: int = 1


def block(parts: Sequence[Part], here: Sequence[int], alt: str, style: Style = PLAIN) -> str:
    """The parts in their order, those `here` filled; in one row, and in several where the screen is narrow.

    `alt` is what a screen reader says in place of either.
    """
    wide, narrow = _svg(parts, here, len(parts), style), _svg(parts, here, NARROW, style)
    return CSS + image(wide, alt, name="block-wide") + image(narrow, alt, name="block-narrow")


def _svg(parts: Sequence[Part], here: Sequence[int], across: int, style: Style) -> str:
    """So many boxes in a row."""
    look = theme(style)
    places = [
        ((number % across) * (WIDTH + GAP) + 2, (number // across) * (HEIGHT + ROWS) + 10)
        for number in range(len(parts))
    ]
    boxes = "".join(
        _box(part, place, number in here, look) for number, (part, place) in enumerate(zip(parts, places, strict=True))
    )
    ways = "".join(_way(one, other, look.faint) for one, other in pairwise(places))
    width, height = min(across, len(parts)) * (WIDTH + GAP) - GAP + 12, places[-1][1] + HEIGHT + 4
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}' "
        f'font-family="{FONT}" '
        f"text-anchor='middle'>{ways}{boxes}</svg>"
    )


def _box(part: Part, place: tuple[int, int], filled: bool, look: Colours) -> str:
    """One part; what there are several of has others behind it."""
    x, y = place
    ground, ink = (look.ramp[4], look.on_full) if filled else (look.ramp[0], look.text)
    behind = "".join(_frame(x + 4 * back, y - 4 * back, look.ramp[0], look) for back in (2, 1) if part.beside > 1)
    lines = wrapped(part.name, SIZE, WIDTH - 4)
    size = SIZE if all(text_width(line, SIZE) <= WIDTH - 6 for line in lines) else SMALLER
    top = y + HEIGHT / 2 - (len(lines) - 1) * LINE / 2 + 5
    words = "".join(
        f"<text x='{x + WIDTH / 2}' y='{top + number * LINE:.1f}' font-size='{size}' fill='{ink}' "
        f"font-weight='{600 if filled else 400}'>{html.escape(line)}</text>"
        for number, line in enumerate(lines)
    )
    return behind + _frame(x, y, ground, look) + words


def _frame(x: float, y: float, ground: str, look: Colours) -> str:
    """The frame of a box."""
    return (
        f"<rect x='{x}' y='{y}' width='{WIDTH}' height='{HEIGHT}' rx='8' fill='{ground}' stroke='{look.faint}' "
        "stroke-width='1.3'/>"
    )


def _way(one: tuple[int, int], other: tuple[int, int], colour: str) -> str:
    """An arrow from a box to the next, round the corner where that begins a row."""
    (x, y), (to, down) = one, other
    middle = HEIGHT / 2
    if down == y:
        line = f"M{x + WIDTH} {y + middle}H{to - 3}"
    else:
        line = f"M{x + WIDTH / 2} {y + HEIGHT}v{ROWS / 2 - 5}H{to + WIDTH / 2}V{down - 3}"
    end = (to - 3, down + middle) if down == y else (to + WIDTH / 2, down - 3)
    head = (
        f"M{end[0]} {end[1]}l-7 -4.5v9z" if down == y else f"M{end[0]} {end[1]}l-4.5 -7h9z"
    )  # pointing right, or down
    return f"<path d='{line}' fill='none' stroke='{colour}' stroke-width='1.6'/><path d='{head}' fill='{colour}'/>"
