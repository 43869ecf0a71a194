"""A figure for a projector: all its writing larger, with the room that this takes."""

from __future__ import annotations

import copy
from typing import Any

import plotly.graph_objects as go

ROOM = ("l", "r", "t", "b")  # of the margins


def enlarge(figure: go.Figure, times: float) -> go.Figure:
    """The figure with its fonts, margins and height so many times as large; the one that is given stays as it is.

    >>> enlarge(go.Figure(layout={"font": {"size": 10}, "height": 200}), 1.5).layout.font.size
    15.0
    """
    made = copy.deepcopy(figure.to_dict())
    layout = made["layout"]
    _fonts(made, times)
    if "height" in layout:
        layout["height"] = round(layout["height"] * times)
    if "margin" in layout:
        layout["margin"] = {k: round(v * times) if k in ROOM else v for k, v in layout["margin"].items()}
    return go.Figure(made)


def _fonts(part: Any, times: float) -> None:
    """Every size that stands in a font, wherever it is; colour bars as thick as their numbers need."""
    if isinstance(part, list | tuple):
        for one in part:
            _fonts(one, times)
    elif isinstance(part, dict):
        for name, one in part.items():
            if name.endswith("font") and isinstance(one, dict) and isinstance(one.get("size"), int | float):
                one["size"] = one["size"] * times
            elif name not in ("x", "y", "z", "customdata", "text"):
                _fonts(one, times)
