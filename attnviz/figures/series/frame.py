"""The past, what came and what is forecast, as an image: it is replaced many times a second, as Plotly is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from attnviz.figures.paint.palette import series, theme
from attnviz.figures.teaching.image import image
from attnviz.selection import PLAIN, Style

WIDE, HIGH, EDGE = 720, 230, 8


@dataclass(frozen=True, eq=False)
class Frame:
    """Finished numbers: the past, what came (NaN where that is not known), and quantiles 0.1, 0.5, 0.9 of it."""

    past: Float[Tensor, " past"]
    came: Float[Tensor, " ahead"]
    values: Float[Tensor, "ahead 3"]


def frame(drawn: Frame, alt: str, style: Style = PLAIN) -> str:
    """The lines as an image of a page: past and truth in the text's colour, the median over its interval."""
    look, hue = theme(style), series(0, style.dark)
    low, mid, high = (one.tolist() for one in drawn.values.unbind(-1))
    past, came = drawn.past.tolist(), drawn.came.tolist()
    known = [one for one in (*past, *came, *low, *high) if math.isfinite(one)] or [0.0]
    at = _Places(len(past) + len(came), min(known), max(known))
    band = [*at.points(high, len(past)), *reversed(at.points(low, len(past)))]
    shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in band)
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDE} {HIGH}'>"
        f"<polygon points='{shape}' fill='{hue}' opacity='0.2'/>"
        f"{_line(at.points(mid, len(past)), hue, 2.5)}{_line(at.points(past, 0), look.text, 1.4)}"
        f"{_line(at.points(came, len(past)), look.text, 1.2, '2 3')}</svg>"
    )
    return image(svg, alt, "width:100%")


@dataclass(frozen=True)
class _Places:
    """Where steps and values lie in the picture."""

    steps: int
    low: float
    high: float

    def points(self, values: Sequence[float], first: int) -> list[tuple[float, float]]:
        """The points of a line that begins at a step; gaps are left out."""
        span = (self.high - self.low) or 1.0
        return [
            (EDGE + (first + number + 0.5) / self.steps * (WIDE - 2 * EDGE),
             EDGE + (1 - (one - self.low) / span) * (HIGH - 2 * EDGE))
            for number, one in enumerate(values) if math.isfinite(one)
        ]  # fmt: skip


def _line(points: Sequence[tuple[float, float]], colour: str, width: float, dash: str = "") -> str:
    """A line through points."""
    said = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f" stroke-dasharray='{dash}'" if dash else ""
    return f"<polyline points='{said}' fill='none' stroke='{colour}' stroke-width='{width}'{dashed}/>"
