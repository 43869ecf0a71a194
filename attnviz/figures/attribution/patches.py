"""A picture once for each way of reading, its patches under a colour as strong as they count."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.axes import Box
from attnviz.figures.attribution.rows import MINUS, Way
from attnviz.figures.paint.palette import Colours, theme
from attnviz.figures.teaching.image import image
from attnviz.selection import PLAIN, Style

WIDE = 150  # pixels of one
PALE = 0.04  # a share below this is not painted
VEIL, FULL = 0.5, 0.92  # how far the picture fades, and how opaque the strongest patch is


@dataclass(frozen=True)
class Ground:
    """The picture below: its address, its size in pixels, where each patch lies on it, and the box that is framed."""

    address: str
    width: int
    height: int
    boxes: Sequence[Box]
    frame: Box | None = None


def maps(ways: Sequence[Way], ground: Ground, alts: Sequence[str], style: Style = PLAIN) -> str:
    """Which patches count, by each way? The picture under each way's shares, its name and rank below.

    Each is scaled to its own strongest patch; a − stands on patches that speak against. `alts` say each in a sentence.
    """
    look, drawn = theme(style), []
    caption = f"font-size:.8rem;line-height:1.25;color:{look.text}"
    for way, alt in zip(ways, alts, strict=True):
        drawn.append(
            f"<figure style='margin:0;width:{WIDE}px'>{image(_map(way, ground, look), alt, 'width:100%')}"
            f"<figcaption style='{caption}'>{html.escape(way.titled)}</figcaption></figure>"
        )
    return f"<div style='display:flex;flex-wrap:wrap;gap:.8rem'>{''.join(drawn)}</div>"


def _map(way: Way, ground: Ground, look: Colours) -> str:
    """One picture with its patches."""
    wide, high = ground.width, ground.height
    faded, full = look.ramp[0], look.ramp[-2]
    shares = way.shares().tolist()
    cells = "".join(_cell(box, share, full, look) for box, share in zip(ground.boxes, shares, strict=True))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {wide} {high}' width='{2 * WIDE}' "
        f"height='{2 * WIDE * high / wide:.0f}'>"
        f"<image href='{ground.address}' width='{wide}' height='{high}' preserveAspectRatio='none' "
        f"style='image-rendering:pixelated'/>"
        f"<rect width='100%' height='100%' fill='{faded}' opacity='{VEIL}'/>{cells}"
        f"{'' if ground.frame is None else _frame(ground.frame, wide, look)}</svg>"
    )


def _frame(box: Box, wide: int, look: Colours) -> str:
    """The outline of a box, light within dark so that it stands on any picture."""
    place = (
        f"x='{box.left:.2f}' y='{box.top:.2f}' width='{box.right - box.left:.2f}' height='{box.bottom - box.top:.2f}'"
    )
    lines = ((look.ramp[0], wide / 60), (look.accent, wide / 110))
    return "".join(f"<rect {place} fill='none' stroke='{ink}' stroke-width='{thick:.2f}'/>" for ink, thick in lines)


def _cell(box: Box, share: float, full: str, look: Colours) -> str:
    """A patch under its colour."""
    if abs(share) < PALE:
        return ""
    wide, high = box.right - box.left, box.bottom - box.top
    found = (
        f"<rect x='{box.left:.2f}' y='{box.top:.2f}' width='{wide:.2f}' height='{high:.2f}' fill='{full}' "
        f"opacity='{FULL * abs(share):.3f}'/>"
    )
    if share > -MINUS:
        return found
    x, y, long = box.left + wide / 2, box.top + high / 2, 0.3 * wide
    bar = f"x1='{x - long:.2f}' x2='{x + long:.2f}' y1='{y:.2f}' y2='{y:.2f}'"
    return (
        f"{found}<line {bar} stroke='{look.ramp[0]}' stroke-width='{0.3 * high:.2f}'/>"
        f"<line {bar} stroke='{look.text}' stroke-width='{0.14 * high:.2f}'/>"
    )
