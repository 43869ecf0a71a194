"""The numbers of ways of reading as pages say them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.measures.reading import Agreement


def ranked(found: Attributions, yardstick: str) -> list[tuple[str, Agreement]]:
    """The ways by how well they foresee the yardstick, the best first, those of which nothing can be said last."""
    if yardstick not in found.rows:
        return []
    measured = found.measured(yardstick).items()
    return sorted(measured, key=lambda one: -2.0 if math.isnan(one[1].spearman) else -one[1].spearman)


def correlation(value: float) -> str:
    """A rank correlation; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def another(names: Iterable[str], name: str) -> str:
    """The name after this one, the first after the last; the first where it is none of them."""
    every = list(names)
    return every[(every.index(name) + 1) % len(every)] if name in every else every[0]


def shared_top(told: Agreement, top: int) -> str:
    """How many of the highest are the same; equals at the border count in part."""
    return f"{told.overlap * top:.2g}"


def as_csv(found: Attributions) -> bytes:
    """Every row as numbers, one place a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["place", "label", "seen", *found.rows])
    for place, label in enumerate(found.labels):
        values = [f"{float(row[place]):.6g}" for row in found.rows.values()]
        writer.writerow([place, label, int(found.seen[place]), *values])
    return out.getvalue().encode("utf-8-sig")
