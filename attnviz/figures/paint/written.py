"""Numbers written into cells, each in the ink that stands out on its ground.

Plotly chooses between white and #444 by the ground's brightness, which in the middle of a ramp leaves a contrast of 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attnviz.figures.paint.between import legible, mixed


def written(
    texts: Sequence[Sequence[str]],
    shades: Sequence[Sequence[float]],
    ramp: Sequence[str],
    *,
    rows: Sequence[float],
    size: int,
) -> dict[str, Any]:
    """The trace that writes `texts` over the cells of a heatmap; it is neither pointed at nor clicked.

    `shades` are 0 to 1 along the evenly spaced colours of `ramp`, `rows` where the rows stand.
    """
    cells = [
        (column, row, text, legible(mixed(ramp, shade)))
        for row, line, grounds in zip(rows, texts, shades, strict=True)
        for column, (text, shade) in enumerate(zip(line, grounds, strict=True))
        if text
    ]
    across, up, said, inks = (list(values) for values in zip(*cells, strict=True)) if cells else ([], [], [], [])
    return {
        "type": "scatter", "mode": "text", "x": across, "y": up, "text": said,
        "textfont": {"size": size, "color": inks}, "hoverinfo": "skip", "showlegend": False,
        "meta": "written",  # `ticks.js` leaves them out where cells are too narrow
    }  # fmt: skip
