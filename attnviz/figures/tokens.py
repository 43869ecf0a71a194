"""The sentence itself, each token coloured by the weight that one query gives it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.labels import escaped
from attnviz.figures.palette import Scale, bar_width, colour_bar, colours, layout, ramp, shade
from attnviz.messages import say
from attnviz.rules import Rule
from attnviz.trace import Trace

A_LINE = 24


def tokens(
    trace: Trace,
    *,
    layer: int,
    head: int,
    query: int,
    rule: Rule | None = None,
    scale: Scale = "unit",
    dark: bool = False,
    language: str = "en",
) -> go.Figure:
    """What does this token look at? The text in lines of 24 tokens, coloured by weight, the query framed."""
    chosen = colours(dark)
    trace.cell(layer, head, query, query, rule)  # refuses a position that is not there
    weights = trace.weights(layer, head, rule)[query]
    count, lines = len(weights), -(-len(weights) // A_LINE)
    width = min(count, A_LINE)
    padded = np.full(lines * width, np.nan, dtype=np.float32)
    padded[:count] = weights.numpy()
    shades = padded.copy()
    shades[:count] = shade(weights[None], scale)[0].numpy()
    labels = [escaped(label, 8) for label in trace.tokens] + [""] * (lines * width - count)
    figure = go.Figure(
        go.Heatmap(
            z=shades.reshape(lines, width), zmin=0, zmax=1, colorscale=ramp(chosen), xgap=2, ygap=6,
            text=np.array(labels, dtype=object).reshape(lines, width), texttemplate="%{text}",
            customdata=padded.reshape(lines, width), hoverongaps=False,
            hovertemplate="%{text}<br>" + say("figure.weight", language) + " %{customdata:.4f}<extra></extra>",
            colorbar=colour_bar(scale, chosen, language),
        )
    )  # fmt: skip
    figure.update_layout(**layout(chosen, height=90 + 44 * lines, r=bar_width(scale, language)))
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed")
    row, column = divmod(query, width)
    figure.add_shape(
        type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
        line={"color": chosen.accent, "width": 2.5},
    )  # fmt: skip
    return figure
