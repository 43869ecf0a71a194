"""Colours and ranges, in one place: what a weight looks like, on light and on dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attnviz.figures.paint.labels import widest
from attnviz.messages import say
from attnviz.selection import Scale, Style

CLEAR = "rgba(0,0,0,0)"
LOG_FLOOR = -4.0  # log scale reaches down to a weight of 0.0001

FONT = "'Source Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans', sans-serif"


@dataclass(frozen=True)
class Colours:
    """One theme: `ramp` from weight 0 to 1, and what is not a weight; `on_full` is text on the ramp's upper half."""

    ramp: tuple[str, ...]
    text: str
    faint: str
    not_allowed: str
    accent: str
    on_full: str


LIGHT = Colours(
    ramp=("#f5f8fc", "#c9dcee", "#85b4d9", "#3f7fb8", "#174f8a", "#08264d"),
    text="#1f2430", faint="#6b7280", not_allowed="#ded9d0", accent="#c9400a", on_full="#ffffff",
)  # fmt: skip
DARK = Colours(
    ramp=("#151b26", "#1d3a5c", "#2b6496", "#4b97cc", "#93cbf0", "#eef8ff"),
    text="#e8eaed", faint="#9aa0a6", not_allowed="#3b3731", accent="#ff922b", on_full="#0b1220",
)  # fmt: skip


@dataclass(frozen=True)
class Diverging:
    """Two colours and what lies between: `ramp` from the second (-) over nothing (0) to the first (+)."""

    ramp: tuple[tuple[float, str], ...]
    first: str
    second: str


TWO_LIGHT = Diverging(
    ((0, "#9a4d00"), (0.25, "#e8a04c"), (0.5, "#f6f5f2"), (0.75, "#6cb0a8"), (1, "#01665e")), "#00796d", "#b85c00"
)
TWO_DARK = Diverging(
    ((0, "#ffb35c"), (0.25, "#8a5a1e"), (0.5, "#20242b"), (0.75, "#1f6f67"), (1, "#63e0d0")), "#4fd1c1", "#ffa94d"
)

# Lines of a plot, told apart also by those who do not see red or green (after Okabe and Ito 2008).
SERIES_LIGHT = ("#0f5fa8", "#c2410c", "#00795f", "#9d3c8b", "#8a6100", "#4b5563")
SERIES_DARK = ("#6db7f2", "#ff9f5a", "#4fd1a8", "#e79bd6", "#e8c25a", "#b3b9c2")


# The first and the second of two texts that were read as one, on light and on dark alike; `reader.css` has them too.
TEXTS = ("#1a9c84", "#b455c9")
# Who speaks in a chat, likewise; the last is whoever else does.
ROLES = {"user": TEXTS[0], "assistant": TEXTS[1], "system": "#b8860b", "": "#808890"}


def series(number: int, dark: bool) -> str:
    """The colour of the line of that number; they come round again after six."""
    chosen = SERIES_DARK if dark else SERIES_LIGHT
    return chosen[number % len(chosen)]


def diverging(dark: bool) -> Diverging:
    """The two colours of a theme; told apart also by those who do not see red or green."""
    return TWO_DARK if dark else TWO_LIGHT


def theme(style: Style) -> Colours:
    """The colours that a picture of that style has."""
    return colours(style.dark)


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


BAR_TICKS = {
    "unit": ["0", "0.25", "0.5", "0.75", "1"],
    "row": ["0", "25%", "50%", "75%", "100%"],
    "log": ["≤0.0001", "0.001", "0.01", "0.1", "1"],
}


TICK = 11  # pixels: the labels of colour bars and of the grids' layers and heads


def bar_width(style: Style) -> int:
    """How many pixels the colour bar of a scale needs to the right of the picture."""
    return room_for_bar(say(f"figure.bar_{style.scale}", style.language), BAR_TICKS[style.scale])


def room_for_mark(language: str) -> int:
    """How many pixels the name of the colour of cells that are not allowed needs to the right of the picture."""
    return round(30 + widest([say("figure.not_allowed", language)], TICK))


def room_for_bar(title: str, ticks: list[str]) -> int:
    """How many pixels a colour bar needs to the right of the picture."""
    return round(38 + max(widest([title], TICK), 14 + widest(ticks, TICK)))


def colour_bar(style: Style) -> dict[str, object]:
    """Plotly's colour bar for a scale, its ticks in the numbers a reader knows."""
    title = say(f"figure.bar_{style.scale}", style.language)
    return bar(title, [0.0, 0.25, 0.5, 0.75, 1.0], BAR_TICKS[style.scale], theme(style))


def bar(title: str, values: list[float], ticks: list[str], chosen: Colours) -> dict[str, object]:
    """Plotly's colour bar: its title, the values that are marked, what is written there."""
    return {
        "title": {"text": title, "side": "top", "font": {"size": TICK}},
        "tickvals": values,
        "ticktext": [tick.replace("-", "−") for tick in ticks],
        "thickness": 12,
        "outlinewidth": 0,
        "tickfont": {"color": chosen.text, "size": TICK},
    }


@dataclass(frozen=True)
class Spacing:
    """How tiles stand along one axis: the size of one, and the distance from one to the next, both in cells."""

    size: int = 1
    pitch: int = 1

    @property
    def centre(self) -> float:
        """From a tile's first cell to its middle."""
        return (self.size - 1) / 2

    @property
    def room(self) -> float:
        """Half the gap between two tiles."""
        return (self.pitch - self.size) / 2


def head_axes(
    layers: list[str], heads: list[str], down: Spacing = Spacing(), across: Spacing = Spacing()
) -> dict[str, Any]:
    """Axes of a grid of tiles, heads named across the top and layers down the side; an empty name is not written."""
    shared = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": "", "tickfont": {"size": TICK}}

    def axis(names: list[str], along: Spacing) -> dict[str, Any]:
        places = [number * along.pitch + along.centre for number in range(len(names))]
        end = len(names) * along.pitch - 0.5 - along.room
        return {**shared, "tickvals": places, "ticktext": names, "range": [-0.5 - along.room, end]}

    rows = axis(layers, down)
    return {
        "xaxis": {**axis(heads, across), "side": "top", "tickangle": 0},
        "yaxis": {**rows, "range": rows["range"][::-1]},
    }


def not_allowed_mark(style: Style) -> str:
    """The colour of cells that are not allowed, beside its name."""
    return f'<span style="color:{theme(style).not_allowed}">■</span> {say("figure.not_allowed", style.language)}'


def cell_frame(row: int, column: int, chosen: Colours) -> dict[str, object]:
    """The outline of the cell that is explained, or of the token that looks."""
    return {
        "type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5,
        "line": {"color": chosen.accent, "width": 2.5},
    }  # fmt: skip


def head_margins(layers: list[str]) -> dict[str, float]:
    """The room that the names on those axes need, in pixels."""
    return {"l": 12 + widest(layers, TICK), "t": 8 + 1.5 * TICK}


def layout(chosen: Colours, *, height: int, **margins: float) -> dict[str, object]:
    """What every figure shares: transparent ground, a font with CJK glyphs; margins `l`, `r`, `t`, `b` in pixels."""
    return {
        "template": "none",  # Plotly's default template would be copied, 7 kB, into every figure
        "height": height,
        "clickmode": "event",
        "hovermode": "closest",
        "hoverdistance": -1,  # the nearest point answers, however large its cell
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, **margins},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": FONT, "color": chosen.text, "size": 13},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": {"font": {"family": FONT}},
        "modebar": {
            "bgcolor": CLEAR,
            "color": chosen.faint,
            "activecolor": chosen.text,
        },  # else a grey box over the words
    }
