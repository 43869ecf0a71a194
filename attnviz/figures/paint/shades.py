"""Weights as one byte each: what the bytes of large pictures mean, and their colours.

A float costs four bytes on its way to the browser, and a screen shows fewer than 200 steps of a colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from attnviz.figures.paint.between import channels, on_ramp
from attnviz.figures.paint.palette import BAR_TICKS, Colours, bar, ramp, theme
from attnviz.messages import say
from attnviz.selection import Style

if TYPE_CHECKING:
    from numpy.typing import NDArray

EVEN = 4.0  # times an even weight: at least so much a row's full colour stands for; `picture.js` has it too
# 255 would be "/" in base64, which Plotly's JSON writes as six characters.
STEPS, NOT_ALLOWED, GAP = 200, 212, 224


def in_bytes(shades: Float[Tensor, "*any"], hidden: Bool[Tensor, "*any"]) -> UInt8[Tensor, "*any"]:
    """Shades 0 to 1 as 0 to `STEPS` on the ramp, `NOT_ALLOWED` where a key is not allowed.

    >>> in_bytes(torch.tensor([0.5, 0.0]), torch.tensor([False, True]))
    tensor([100, 212], dtype=torch.uint8)
    """
    return (shades.nan_to_num(0.0).clamp(0, 1) * STEPS).round().masked_fill(hidden, NOT_ALLOWED).to(torch.uint8)


def bytes_ramp(chosen: Colours) -> list[list[float | str]]:
    """The colour of each byte from 0 to `GAP`: the ramp to `STEPS`, then the two that are no weights."""
    last = len(chosen.ramp) - 1
    stops: list[list[float | str]] = [[i / last * STEPS / GAP, colour] for i, colour in enumerate(chosen.ramp)]
    for byte, colour in ((NOT_ALLOWED, chosen.not_allowed), (GAP, "rgba(0,0,0,0)")):
        stops += [[(byte - 1) / GAP, colour], [min(byte + 1, GAP) / GAP, colour]]
    return stops


def colours_of_bytes(style: Style) -> list[list[int]]:
    """Red, green, blue and opacity, 0 to 255, of every byte that `in_bytes` gives, for what paints without Plotly."""
    chosen = theme(style)
    painted = [on_ramp(chosen.ramp, byte / STEPS) for byte in range(STEPS + 1)]
    other = channels(chosen.not_allowed)
    return [[*colour, 255] for colour in (*painted, *[other] * (NOT_ALLOWED - STEPS))]


def bytes_picture(shades: Tensor, hidden: Tensor, style: Style) -> dict[str, object]:
    """The cells of a Plotly heatmap, one byte each, without a colour bar."""
    return {
        "type": "heatmap", "z": in_bytes(shades, hidden).numpy(), "zmin": 0, "zmax": GAP,
        "colorscale": bytes_ramp(theme(style)), "showscale": False,
    }  # fmt: skip


def bar_alone(title: str, style: Style, short: bool) -> dict[str, object]:
    """An empty trace that carries the colour bar: that of the bytes would show those that are no weights.

    `short` leaves room below it for the name of another colour.
    """
    chosen = theme(style)
    beside = bar(title, [0.0, 0.25, 0.5, 0.75, 1.0], BAR_TICKS[style.scale], chosen)
    if short:
        beside |= {"len": 0.88, "y": 1, "yanchor": "top"}
    marker = {"color": [0], "cmin": 0, "cmax": 1, "colorscale": ramp(chosen), "showscale": True, "colorbar": beside}
    return {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip", "marker": marker}


def hover_steps(style: Style, hidden: bool) -> str:
    """What a byte says of the weight that it stands for."""
    said = say(f"figure.steps_{style.scale}", style.language, steps=STEPS)
    return said + (say("figure.steps_not_allowed", style.language, byte=NOT_ALLOWED) if hidden else "")


def shares_of(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each weight `[..., key]` as the share of its row's full colour, as `fullOf` of `picture.js` has it.

    That is the row's largest weight, or four times an even one where that is more (but never above 1), so that a row
    that looks everywhere alike is pale.

    >>> float(shares_of(np.full((1, 8), 0.125, np.float32)).max())
    0.25
    """
    known = np.nan_to_num(weights)
    shares: NDArray[np.float32] = known / np.maximum(known.max(-1, keepdims=True), min(1.0, EVEN / known.shape[-1]))
    return shares
