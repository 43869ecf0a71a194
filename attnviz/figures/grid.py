"""Every head of every layer at once: one mosaic, one Plotly trace, one byte a weight."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.figures.choose import shown, visible
from attnviz.figures.palette import Colours, Scale, colours, head_axes, head_margins, layout, shade
from attnviz.messages import say
from attnviz.rules import Rule
from attnviz.trace import Trace

MOST_CELLS = 64  # a tile has fewer pixels than that across; longer texts are pooled by their largest weights
STEPS, NOT_ALLOWED, GAP = 250, 252, 255  # what the bytes of the mosaic mean


def grid(
    trace: Trace,
    *,
    rule: Rule | None = None,
    scale: Scale = "unit",
    specials: bool = True,
    selected: tuple[int, int] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int = 420,
) -> go.Figure:
    """What does every head do? Layers down, heads across, each tile that head's weights (queries down, keys across).

    `rule` re-weights the run's scores. Each tile carries an invisible square whose `customdata` is (layer, head), for
    `plotly_click`. Tiles of more than 64 tokens show the largest weight of each block.
    """
    chosen, places = colours(dark), shown(trace, specials)
    tiles = [_tiles(visible(trace, layer, None, rule, places), scale) for layer in range(trace.n_layers)]
    mosaic, size, pitch = _mosaic(tiles, trace.n_heads)
    picture = {
        "type": "heatmap", "z": mosaic, "zmin": 0, "zmax": 255, "colorscale": _bytes_ramp(chosen),
        "showscale": False, "hoverinfo": "skip",
    }  # fmt: skip
    layers = [say("figure.layer_tick", language, layer=layer) for layer in range(trace.n_layers)]
    heads = [say("figure.head_tick", language, head=head) for head in range(trace.n_heads)]
    return go.Figure(
        {
            "data": [picture, _targets(trace, size, pitch, language)],
            "layout": {
                **layout(chosen, height=height, **head_margins(layers)),
                **head_axes(layers, heads, pitch, (size - 1) / 2, (pitch - size) / 2),
                "shapes": [] if selected is None else [_frame(selected, size, pitch, chosen)],
            },
        }
    )


def _tiles(weights: Tensor, scale: Scale) -> Tensor:
    """Weights `[head, query, key]` as bytes: 0 to 250 on the ramp, 252 where a key is not allowed."""
    hidden = weights.isnan()
    shades = shade(weights.nan_to_num(0.0), scale)
    size = min(weights.shape[-1], MOST_CELLS)
    if size < weights.shape[-1]:
        shades = F.adaptive_max_pool2d(shades, size)
        hidden = F.adaptive_max_pool2d((~hidden).float(), size) == 0
    return (shades.clamp(0, 1) * STEPS).round().masked_fill(hidden, NOT_ALLOWED).to(torch.uint8)


def _mosaic(layers: list[Tensor], heads: int) -> tuple[np.ndarray, int, int]:
    """All tiles side by side, the size of a tile, and the distance from one tile to the next, both in cells."""
    size = layers[0].shape[-1]
    gap = max(1, size // 10)
    pitch = size + gap
    mosaic = np.full((len(layers) * pitch - gap, heads * pitch - gap), GAP, dtype=np.uint8)
    for row, tiles in enumerate(layers):
        for column, tile in enumerate(tiles.numpy()):
            mosaic[row * pitch : row * pitch + size, column * pitch : column * pitch + size] = tile
    return mosaic, size, pitch


def _bytes_ramp(chosen: Colours) -> list[list[float | str]]:
    """The colour of each byte: the ramp to 250, then the two that are no weights."""
    last = len(chosen.ramp) - 1
    stops: list[list[float | str]] = [[i / last * STEPS / 255, colour] for i, colour in enumerate(chosen.ramp)]
    for byte, colour in ((NOT_ALLOWED, chosen.not_allowed), (GAP, "rgba(0,0,0,0)")):
        stops += [[(byte - 1) / 255, colour], [min(byte + 1, 255) / 255, colour]]
    return stops


def _targets(trace: Trace, size: int, pitch: int, language: str) -> dict[str, object]:
    """One invisible square a tile, to hover and to click."""
    centre = (size - 1) / 2
    places = [(layer, head) for layer in range(trace.n_layers) for head in range(trace.n_heads)]
    return {
        "type": "scatter",
        "mode": "markers",
        "marker": {"symbol": "square", "size": 12, "opacity": 0},
        "x": [head * pitch + centre for _, head in places],
        "y": [layer * pitch + centre for layer, _ in places],
        "customdata": places,
        "text": [say("figure.tile", language, layer=layer, head=head) for layer, head in places],
        "hoverinfo": "text",
    }


def _frame(selected: tuple[int, int], size: int, pitch: int, chosen: Colours) -> dict[str, object]:
    """The outline of the tile that is open, half way into the gaps around it."""
    layer, head = selected
    room = (pitch - size) / 2
    left, top = (number * pitch - 0.5 - room for number in (head, layer))
    return {
        "type": "rect", "x0": left, "x1": left + pitch, "y0": top, "y1": top + pitch,
        "line": {"color": chosen.accent, "width": 2.5},
    }  # fmt: skip
