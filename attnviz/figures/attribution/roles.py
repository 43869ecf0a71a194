"""What each head is to the model, by layer and head: it helps, it hinders, it is idle."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
import torch

from attnviz.figures.attribution.rows import grid
from attnviz.figures.paint.palette import TICK, bar, diverging, room_for_bar, theme
from attnviz.messages import say
from attnviz.selection import PLAIN, Style

SIGNS = {"helps": "+", "hinders": "−", "idle": "○", None: ""}
BELOW = 20  # pixels for the name of the axis
Head = tuple[int, int]


def roles(
    gates: Mapping[Head, tuple[float, float]], named: Mapping[Head, str | None], style: Style = PLAIN
) -> go.Figure:
    """Every head as a cell, 1 where it helps and -1 where it hinders, and a sign for its role.

    `gates` are its gates pushed open and pushed shut; a cell is their sum less 1, so that a head which follows both
    pushes is 0. `named` is its role: "helps", "hinders", "idle", or None for one that is none clearly.
    """
    layers, heads = (1 + max(place[side] for place in gates) for side in (0, 1))
    values = torch.full((layers, heads), torch.nan)
    signs, said = ([[""] * heads for _ in range(layers)] for _ in range(2))
    for (layer, head), (opened, shut) in gates.items():
        values[layer, head] = opened + shut - 1
        signs[layer][head] = SIGNS[named[layer, head]]
        said[layer][head] = say("figure.role_hover", style.language, opened=f"{opened:.2f}", shut=f"{shut:.2f}")
    title, ticks = say("figure.roles_bar", style.language), ["−1", "0", "1"]
    layer_names = [say("figure.layer", style.language, layer=layer) for layer in range(layers)]
    figure = grid(
        {
            "z": values.numpy(), "colorscale": diverging(style.dark).ramp, "text": signs, "customdata": said,
            "colorbar": bar(title, [-1, 0, 1], ticks, theme(style)),
        },
        (layer_names, [str(head) for head in range(heads)]), style, room_for_bar(title, ticks),
    )  # fmt: skip
    figure.data[0].textfont.size = 14
    figure.layout.xaxis.title = {"text": say("figure.heads_axis", style.language), "font": {"size": TICK}}
    figure.layout.margin.b += BELOW
    figure.layout.height += BELOW
    return figure
