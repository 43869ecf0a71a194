"""Rules side by side as a table: a row a token, its score, and a bar with its weight for each rule."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from attnviz.figures.paint.labels import shortened
from attnviz.figures.paint.palette import theme
from attnviz.selection import PLAIN, Style

CSS = """<style>
.columns table { border-collapse: collapse; width: 100%; max-width: 46rem; font-size: 0.95rem; }
.columns :is(th, td) { padding: 0.12rem 0.5rem; text-align: right; font-variant-numeric: tabular-nums; }
.columns th { font-weight: 600; } .columns tbody th { text-align: left; font-weight: 400; white-space: nowrap; }
.columns td.bar { text-align: left; width: 27%; }
</style>"""


@dataclass(frozen=True)
class Column:
    """One rule: how its column is headed, and the weight `[key]` that it gives each key."""

    name: str
    weights: Float[Tensor, " key"]


def columns(
    labels: Sequence[str], scores: tuple[str, Float[Tensor, " key"]], rules: Sequence[Column], chosen: int,
    style: Style = PLAIN,
) -> str:  # fmt: skip
    """What does each rule make of the same scores? `scores` are headed by their name; the row `chosen` stands out."""
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in ("", scores[0]))
    head += "".join(f"<th scope='col' style='text-align:left'>{html.escape(rule.name)}</th>" for rule in rules)
    head = head.replace("<th scope='col'></th>", "<td></td>", 1)
    colour, edge = theme(style).ramp[2], theme(style).accent
    mark = f" style='border-left:4px solid {edge}'"
    rows = "".join(
        f"<tr><th scope='row'{mark if at == chosen else ''}>{html.escape(shortened(label, 14))}</th>"
        f"<td>{_number(float(scores[1][at]))}</td>"
        + "".join(_bar(float(rule.weights[at]), colour) for rule in rules)
        + "</tr>"
        for at, label in enumerate(labels)
    )
    return f"{CSS}<div class='columns'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _number(score: float) -> str:
    """A score; what a mask forbids is minus infinity."""
    return "−∞" if score == -math.inf else f"{score:.2f}".replace("-", "−")


def _bar(weight: float, colour: str) -> str:
    """A weight as a number on a bar; what is not zero never reads as zero."""
    said = "<0.001" if 0 < weight < 0.001 else f"{weight:.3f}"
    end = f"{100 * min(max(weight, 0.0), 1.0):.1f}%"
    return (
        f"<td class='bar' style='background:linear-gradient(to right,{colour}88 {end},transparent {end})'>"
        f"{html.escape(said)}</td>"
    )
