"""By how much weights differ between two readings: two colours around 0, and signs for those who see no hue."""

from __future__ import annotations

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.cells import cells, recolour
from attnviz.selection import PLAIN, Style

SIGNED = 0.2  # of the largest difference: as much has its sign written
MOST_SIGNED = 2_500  # cells: in more no sign can be read


def side(weights: Float[Tensor, "unit other"], labels: list[str], style: Style = PLAIN) -> go.Figure:
    """One of two readings: who looks at whom, a row and a column for each unit that both have."""
    return cells(weights, (labels, labels), style)


def difference(change: Float[Tensor, "unit other"], labels: list[str], style: Style = PLAIN) -> go.Figure:
    """By how much each weight of the second exceeds that of the first; + and − where it is much."""
    figure = cells(change, (labels, labels), style, shades=change, most_exact=change.numel())
    recolour(figure, change, style)
    if change.numel() <= MOST_SIGNED:
        most = SIGNED * max(float(change.abs().max()), 0.1)
        signs = [["" if abs(one) < most else "+" if one > 0 else "−" for one in row] for row in change.tolist()]
        figure.data[0].update(text=signs, texttemplate="%{text}", textfont={"size": 11})
    return figure
