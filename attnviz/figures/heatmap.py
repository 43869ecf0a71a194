"""One head's weights, large: queries down, keys across, every cell exact."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from attnviz.figures.choose import shown, visible
from attnviz.figures.palette import UNSEEN, Colours, Scale, colour_bar, colours, escaped, layout, ramp, shade
from attnviz.messages import say
from attnviz.rules import Rule
from attnviz.trace import Trace

MOST_LABELS = 48  # more labels than that do not fit beside each other; the rest appear on hover
MOST_CLICKABLE = 256  # tokens; above that the pickers choose the cell
MOST_SVG_CELLS = 1_600  # above that the click targets are drawn by WebGL


def heatmap(
    trace: Trace,
    *,
    layer: int,
    head: int,
    rule: Rule | None = None,
    scale: Scale = "unit",
    specials: bool = True,
    cell: tuple[int, int] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 460,
) -> go.Figure:
    """Who looks at whom in this head? Hover gives the exact weight, a click reports (query, key) as `customdata`.

    Cells that are not allowed are drawn in a colour of their own, not as 0. `cell` (query, key) is framed. Raises
    `AttnvizError` for a layer or head that is not there.
    """
    chosen, places = colours(dark), shown(trace, specials)
    weights = visible(trace, layer, head, rule, places)
    clickable = len(places) <= MOST_CLICKABLE
    data = [_picture(weights, scale, chosen, language, hover=not clickable)]
    if clickable:
        data.append(_targets(weights.numpy(), places, language))
    framed = cell is not None and cell[0] in places and cell[1] in places
    labels = [escaped(trace.tokens[place]) for place in places]
    return go.Figure(
        {
            "data": data,
            "layout": {
                **layout(chosen, height=height),
                **_axes(labels, chosen, language, unseen=clickable),
                "plot_bgcolor": chosen.not_allowed if bool(weights.isnan().any()) else "rgba(0,0,0,0)",
                "shapes": [_frame(places.index(cell[0]), places.index(cell[1]), chosen)] if cell and framed else [],
            },
        }
    )


def _picture(weights: Tensor, scale: Scale, chosen: Colours, language: str, *, hover: bool) -> dict[str, object]:
    """The cells, and their colour bar; NaN, where a key is not allowed, stays empty."""
    shades = shade(weights.nan_to_num(0.0), scale).masked_fill(weights.isnan(), torch.nan)
    gap = 1 if len(weights) <= MOST_LABELS else 0
    told = {"customdata": weights.numpy(), "hovertemplate": _hover(language)} if hover else {"hoverinfo": "skip"}
    return {
        **told, "type": "heatmap", "z": shades.numpy(), "zmin": 0, "zmax": 1, "colorscale": ramp(chosen),
        "colorbar": colour_bar(scale, chosen, language), "xgap": gap, "ygap": gap, "hoverongaps": False,
    }  # fmt: skip


def _hover(language: str) -> str:
    """What a cell says of itself."""
    return say("figure.hover", language) + "<extra></extra>"


def _targets(weights: np.ndarray, places: list[int], language: str) -> dict[str, object]:
    """One invisible point a cell, to hover and to click."""
    count = len(places)
    rows, columns = np.divmod(np.arange(count * count), count)
    index = np.array(places)
    return {
        **UNSEEN, "type": "scatter" if count * count <= MOST_SVG_CELLS else "scattergl",
        "x": columns, "y": rows, "xaxis": "x2", "yaxis": "y2",
        "customdata": np.stack([index[rows], index[columns], weights.reshape(-1)], axis=1),
        "hovertemplate": _hover(language).replace("customdata", "customdata[2]"),
    }  # fmt: skip


def _axes(labels: list[str], chosen: Colours, language: str, *, unseen: bool) -> dict[str, object]:
    """Token labels on both axes: integer positions with tick text, because Plotly merges equal category names.

    Where not every label fits, a second, unseen pair of axes keeps them all for the hover text.
    """
    count = len(labels)
    every = list(range(0, count, -(-count // MOST_LABELS)))
    ends = [-0.5, count - 0.5]
    shared: dict[str, object] = {"showgrid": False, "zeroline": False, "fixedrange": True}
    seen = {
        **shared, "tickvals": every, "ticktext": [labels[i] for i in every], "ticks": "", "automargin": True,
        "tickfont": {"size": 13 if count <= 24 else 10},
    }  # fmt: skip
    wide = max((len(label) for label in labels), default=1) > 2 or count > 24
    title = {name: _title(f"figure.{name}_axis", chosen, language) for name in ("key", "query")}
    axes: dict[str, object] = {
        "xaxis": {**seen, "range": ends, "tickangle": -60 if wide else 0, "title": title["key"]},
        "yaxis": {**seen, "range": ends[::-1], "title": title["query"]},
    }
    if unseen:
        hidden = {**shared, "tickvals": list(range(count)), "ticktext": labels, "visible": False}
        axes["xaxis2"] = {**hidden, "range": ends, "overlaying": "x"}
        axes["yaxis2"] = {**hidden, "range": ends[::-1], "overlaying": "y"}
    return axes


def _title(key: str, chosen: Colours, language: str) -> dict[str, object]:
    """The name of an axis."""
    return {"text": say(key, language), "font": {"size": 12, "color": chosen.faint}}


def _frame(row: int, column: int, chosen: Colours) -> dict[str, object]:
    """The outline of the cell that is explained."""
    return {
        "type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5,
        "line": {"color": chosen.accent, "width": 2.5},
    }  # fmt: skip
