"""Colours and ranges, in one place: what a weight looks like, on light and on dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from attnviz.messages import say

Scale = Literal["unit", "row", "log"]
SCALES: tuple[Scale, ...] = get_args(Scale)
LOG_FLOOR = -4.0  # log scale reaches down to a weight of 0.0001

FONT = "'Source Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans', sans-serif"


@dataclass(frozen=True)
class Colours:
    """One theme: `ramp` from weight 0 to 1, and what is not a weight."""

    ramp: tuple[str, ...]
    text: str
    faint: str
    not_allowed: str
    accent: str


LIGHT = Colours(
    ramp=("#f5f8fc", "#c9dcee", "#85b4d9", "#3f7fb8", "#174f8a", "#08264d"),
    text="#1f2430", faint="#6b7280", not_allowed="#ded9d0", accent="#d9480f",
)  # fmt: skip
DARK = Colours(
    ramp=("#151b26", "#1d3a5c", "#2b6496", "#4b97cc", "#93cbf0", "#eef8ff"),
    text="#e8eaed", faint="#9aa0a6", not_allowed="#3b3731", accent="#ff922b",
)  # fmt: skip


def colours(dark: bool) -> Colours:
    """The colours of a theme."""
    return DARK if dark else LIGHT


def ramp(chosen: Colours) -> list[list[float | str]]:
    """A Plotly colour scale of the theme's ramp."""
    last = len(chosen.ramp) - 1
    return [[i / last, colour] for i, colour in enumerate(chosen.ramp)]


def shade(weights: Tensor, scale: Scale) -> Tensor:
    """Where on the ramp does each weight stand? 0 to 1, the same shape `[..., query, key]`.

    "unit": the weight itself; "row": its share of the query's largest weight; "log": its decimal logarithm, 0.0001 and
    less at 0.

    >>> shade(torch.tensor([[0.2, 0.8]]), "row")
    tensor([[0.2500, 1.0000]])
    """
    if scale == "row":
        top = weights.amax(-1, keepdim=True)
        return torch.where(top > 0, weights / top.clamp_min(torch.finfo(weights.dtype).tiny), weights)
    if scale == "log":
        return (weights.clamp_min(10**LOG_FLOOR).log10() - LOG_FLOOR) / -LOG_FLOOR
    return weights


def colour_bar(scale: Scale, chosen: Colours, language: str) -> dict[str, object]:
    """Plotly's colour bar for a scale, its ticks in the numbers a reader knows."""
    values = [0.0, 0.25, 0.5, 0.75, 1.0]
    texts = {
        "unit": ["0", "0.25", "0.5", "0.75", "1"],
        "row": ["0", "25%", "50%", "75%", "100%"],
        "log": ["≤0.0001", "0.001", "0.01", "0.1", "1"],
    }[scale]
    return {
        "title": {"text": say(f"figure.bar_{scale}", language), "side": "top", "font": {"size": 11}},
        "tickvals": values,
        "ticktext": texts,
        "thickness": 12,
        "outlinewidth": 0,
        "tickfont": {"color": chosen.text, "size": 11},
    }


# Points that are only there to be hovered and clicked: a click on a heatmap itself is not reported to Streamlit.
UNSEEN = {
    "mode": "markers",
    "marker": {"symbol": "square", "size": 12, "opacity": 0},
    "selected": {"marker": {"opacity": 0}},
    "unselected": {"marker": {"opacity": 0}},
}


def layout(chosen: Colours, *, height: int) -> dict[str, object]:
    """What every figure shares: transparent ground, a font with CJK glyphs, small margins."""
    return {
        "template": "none",  # Plotly's default template would be copied, 7 kB, into every figure
        "height": height,
        "clickmode": "event+select",
        "hovermode": "closest",
        "hoverdistance": -1,  # the nearest point answers, however large its cell
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "color": chosen.text, "size": 13},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": {"font": {"family": FONT}},
    }


def escaped(label: str, most: int = 18) -> str:
    """A label that Plotly draws as it is: markup escaped, long ones shortened.

    >>> escaped("<s>")
    '&lt;s&gt;'
    """
    short = label if len(label) <= most else label[: most - 1] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
