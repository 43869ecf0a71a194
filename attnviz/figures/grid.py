"""Every head of every layer at once: one mosaic, one Plotly trace, one byte a weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import UInt8
from torch import Tensor

from attnviz.core import blocks as streaming
from attnviz.core.attention import Attention
from attnviz.core.rules import Rule
from attnviz.figures.choose import Side, reader, sides, visible
from attnviz.figures.paint.labels import escaped, shortened, wrapped
from attnviz.figures.paint.palette import (
    TICK,
    Spacing,
    head_axes,
    head_margins,
    layout,
    not_allowed_mark,
    shade,
    theme,
)
from attnviz.figures.paint.shades import GAP, NOT_ALLOWED, bytes_ramp, in_bytes
from attnviz.messages import say
from attnviz.selection import Scale, Selection, Style
from attnviz.trace import Gap, Trace

MOST_CELLS = 64  # a tile has fewer pixels than that across; longer texts are pooled by their largest weights
MOST_IN_ALL = 1_500_000  # cells of the mosaic, a byte each: many heads have smaller tiles
LEAST_SIDE = 8  # the cells of a short side are repeated, or the gaps would be as wide as the tiles (cross maps)
MOST_HEADS, MOST_LAYERS = 16, 28  # names beside each other that do not touch; WORDED of them with the word "head"
WORDED = 8
SMALLEST = 7  # pixels of a number that can be read
LETTERED = 3  # a gap of a third of the tile's height has room for a number
NARROW = 330  # pixels across that a sentence in a gap may have
HEIGHT = 420


@dataclass(frozen=True)
class Mosaic:
    """What is shown of every head: all tiles side by side, one byte a cell, and how they stand.

    `places` are the (layer, head) that have a tile; `layers` the run's, those without attention among them. `columns`
    say where a head stands in its layer's row, where heads stand in another order than by their number. `exact`: each
    cell is one pair, the first key on the left.
    """

    cells: UInt8[np.ndarray, "down across"]
    places: list[tuple[int, int]]
    layers: tuple[Attention | Gap, ...]
    heads: int
    down: Spacing
    across: Spacing
    columns: Mapping[tuple[int, int], int] = field(default_factory=dict)
    exact: bool = True

    def spot(self, place: tuple[int, int]) -> tuple[int, int]:
        """The row and column in which a (layer, head) stands."""
        return place[0], self.columns.get(place, place[1])

    @property
    def hidden(self) -> bool:
        """Is there a cell that is not allowed?"""
        return bool((self.cells == NOT_ALLOWED).any())


def grid(
    trace: Trace,
    *,
    rule: Rule | None = None,
    scale: Scale = "unit",
    specials: bool = True,
    by: str = "token",
    block: tuple[int, int] | None = None,
    order: Sequence[tuple[int, int]] = (),
    selected: tuple[int, int] | None = None,
    dark: bool = False,
    language: str = "en",
    height: int | None = None,
    on_progress: Callable[[float], object] | None = None,
) -> go.Figure:
    """What does every head do? Layers down, heads across, each tile that head's weights (queries down, keys across).

    `rule` re-weights the run's scores; `by` takes places together as an axis offers it (`Axis.groupings`: tokens as
    characters or words); of two texts that were read as one `block` (0, 1) shows what the first looks at in the second.
    With an `order` of (layer, head), as of `measures.ranked`, each layer's heads stand in it, from the left.
    Each tile carries an invisible square whose `customdata` is (layer, head), for `plotly_click`.
    Tiles of more than 64 tokens, or of fewer where there are many heads, show the largest weight of each block. A layer
    without attention is a band that says why; where a layer has fewer heads than another, the rest of its row is empty.
    `on_progress` hears after each head which share is done, 0 to 1.
    """
    layer, head = selected or (0, 0)
    selection = Selection(layer, head, rule=rule, specials=specials, by=by, block=block)
    shown = mosaic(trace, selection, scale, order=order, on_progress=on_progress)
    return paint_mosaic(shown, Style(scale, dark, language, height), selected)


def mosaic(
    trace: Trace, selection: Selection, scale: Scale, *, order: Sequence[tuple[int, int]] = (),
    on_progress: Callable[[float], object] | None = None,
) -> Mosaic:  # fmt: skip
    """The tiles of every head, shaded on a scale; which head `selection` has chosen does not matter."""
    shown, rule = sides(trace, selection), selection.rule
    most = _most_cells(trace.n_layers * trace.n_heads)
    hear = _told(on_progress, sum(trace.attention(layer).n_heads for layer in trace.open_layers))
    tiles = {
        layer: _tiles(trace.attention(layer, None, rule), shown, scale, most, hear) for layer in trace.open_layers
    }  # fmt: skip
    places = [(layer, head) for layer in tiles for head in range(len(tiles[layer]))]
    columns = _columns(order, {layer: len(found) for layer, found in tiles.items()})
    cells, down, across = _mosaic(tiles, (trace.n_layers, trace.n_heads), columns)
    exact = (down.size, across.size) == tuple(len(side.places) for side in shown) and not shown[1].right_to_left
    return Mosaic(cells, places, trace.layers, trace.n_heads, down, across, columns, exact)


def _columns(order: Sequence[tuple[int, int]], heads: Mapping[int, int]) -> dict[tuple[int, int], int]:
    """In which column of its layer each head stands, of so many `heads` a layer; those not in the order come last."""
    rank = {place: number for number, place in enumerate(order)}
    found: dict[tuple[int, int], int] = {}
    for layer, count_of in heads.items() if rank else ():
        by_rank = sorted(range(count_of), key=lambda head: rank.get((layer, head), len(rank)))
        found |= {(layer, head): column for column, head in enumerate(by_rank)}
    return found


def paint_mosaic(shown: Mosaic, style: Style, selected: tuple[int, int] | None = None) -> go.Figure:
    """The picture of every head, the one that is `selected` framed."""
    picture = {
        "type": "heatmap", "z": shown.cells, "zmin": 0, "zmax": GAP, "colorscale": bytes_ramp(theme(style)),
        "showscale": False, "hoverinfo": "skip",
        "meta": {name: [one.size, one.pitch] for name, one in (("down", shown.down), ("across", shown.across))}
        | {"exact": shown.exact},
    }  # fmt: skip
    layers, heads = _layer_names(shown, style.language), _head_names(shown, style.language)
    figure: dict[str, Any] = {
        "data": [picture, _targets(shown, style.language), *_nothing(shown, style.language)],
        "layout": {
            **layout(theme(style), height=style.pixels(HEIGHT), **head_margins(layers)),
            **head_axes(layers, heads, shown.down, shown.across),
            "shapes": [_frame(selected, shown, style)] if selected in shown.places else [],
        },
    }
    if shown.columns or shown.heads > WORDED:
        _name_heads(figure["layout"], "sorted_axis" if shown.columns else "head_axis", style)
    if shown.columns:
        figure["data"].append(_numbers(shown, figure["layout"], style))
    if shown.hidden:
        _name_colour(figure["layout"], style)
    if any(isinstance(layer, Gap) for layer in shown.layers):
        _bands(figure["layout"], shown, style)
    return go.Figure(figure)


def _most_cells(tiles: int) -> int:
    """How many cells may a tile have across, that the mosaic does not grow too large?"""
    fits = math.isqrt(MOST_IN_ALL // max(tiles, 1))
    return min(MOST_CELLS, max(4, fits * 10 // 11))  # a tenth is the gap


def _told(on_progress: Callable[[float], object] | None, heads: int) -> Callable[[], None]:
    """What to call after each of so many heads."""
    done = count(1)

    def hear() -> None:
        if on_progress is not None:
            on_progress(min(next(done) / heads, 1.0))

    return hear


def _tiles(
    found: Attention, shown: tuple[Side, Side], scale: Scale, most: int, hear: Callable[[], None]
) -> Tensor:  # fmt: skip
    """One layer's heads as bytes `[head, down, across]`: at most `most` cells a side, the largest weight of each.

    Where there are more tokens than cells, one block of rows of one head is in memory at a time.
    """
    rows, columns = (len(axis.places) for axis in shown)
    size = (min(rows, most), min(columns, most))
    if size == (rows, columns):
        cells = visible(found, shown)
        shades = shade(cells.nan_to_num(0.0), scale)
    else:
        heads = []
        for head in range(found.n_heads):
            heads.append(_from_afar(streaming.only(found, head), shown, size, scale))
            hear()
        cells = torch.stack(heads)
        shades = cells if scale == "row" else shade(cells.nan_to_num(0.0), scale)
    found_bytes = in_bytes(shades, cells.isnan())
    if shown[1].right_to_left:
        found_bytes = found_bytes.flip(-1)
    if rows == columns:
        return found_bytes
    down, across = (-(-LEAST_SIDE // side) if side < LEAST_SIDE else 1 for side in size)
    return found_bytes.repeat_interleave(down, -2).repeat_interleave(across, -1)


def _from_afar(one: Attention, shown: tuple[Side, Side], size: tuple[int, int], scale: Scale) -> Tensor:
    """The largest weights of one head's cells, in shares of their rows' largest on that scale; NaN: not allowed."""
    share = partial(shade, scale="row") if scale == "row" else None
    return streaming.pool(reader(one, shown), size, shown=share)


def _mosaic(
    tiles: dict[int, Tensor], size: tuple[int, int], columns: Mapping[tuple[int, int], int]
) -> tuple[np.ndarray, Spacing, Spacing]:
    """All tiles side by side, of so many layers and heads, and how they stand down and across."""
    height, width = next(iter(tiles.values())).shape[-2:] if tiles else (1, 1)
    gap = LETTERED if columns else 10  # heads in an order of their own have their numbers above them
    down, across = Spacing(height, height + max(1, height // gap)), Spacing(width, width + max(1, width // 10))
    shape = [
        max(number, 1) * along.pitch - (along.pitch - along.size)
        for number, along in zip(size, (down, across), strict=True)
    ]  # fmt: skip
    mosaic = np.full(shape, GAP, dtype=np.uint8)
    for layer, found in tiles.items():
        top = layer * down.pitch
        for head, tile in enumerate(found.numpy()):
            left = columns.get((layer, head), head) * across.pitch
            mosaic[top : top + height, left : left + width] = tile
    return mosaic, down, across


def _targets(shown: Mosaic, language: str) -> dict[str, object]:
    """One invisible square a tile, to hover and to click."""
    said = say("figure.tile", language, layer="%{customdata[0]}", head="%{customdata[1]}")
    return {
        **_points([shown.spot(place) for place in shown.places], shown),
        "customdata": shown.places,
        "hovertemplate": said + "<extra></extra>",
    }


def _points(spots: list[tuple[int, int]], shown: Mosaic) -> dict[str, object]:
    """Invisible squares in the middle of the tiles in these rows and columns."""
    down, across = shown.down, shown.across
    return {
        "type": "scatter",
        "mode": "markers",
        "marker": {"symbol": "square", "size": 12, "opacity": 0},
        "x": [column * across.pitch + across.centre for _, column in spots],
        "y": [row * down.pitch + down.centre for row, _ in spots],
    }


def _nothing(shown: Mosaic, language: str) -> list[dict[str, object]]:
    """Squares where there is no head, that say why: without them the nearest head would answer.

    They go by what they say, which then is sent once.
    """
    there, said = set(shown.places), dict[str, list[tuple[int, int]]]()
    for layer, found in enumerate(shown.layers):
        why = _why_nothing(found, language)
        for head in range(max(shown.heads, 1)):
            if (layer, head) not in there:
                said.setdefault(why, []).append((layer, head))
    return [{**_points(places, shown), "hovertemplate": why + "<extra></extra>"} for why, places in said.items()]


def _why_nothing(found: Attention | Gap, language: str) -> str:
    """Why is there no head in a place of this layer?"""
    if isinstance(found, Attention):
        return say("figure.no_tile", language, heads=found.n_heads)
    return "<br>".join(wrapped(_reason(found, language), TICK, 400))


def _reason(gap: Gap, language: str) -> str:
    """Why a layer has no weights."""
    return say(f"gap.{gap.reason}", language, kind=escaped(gap.kind, 40))


def _frame(selected: tuple[int, int] | None, shown: Mosaic, style: Style) -> dict[str, object]:
    """The outline of the tile that is open, half way into the gaps around it."""
    (row, column), down, across = shown.spot(selected or (0, 0)), shown.down, shown.across
    left, top = column * across.pitch - 0.5 - across.room, row * down.pitch - 0.5 - down.room
    return {
        "type": "rect", "x0": left, "x1": left + across.pitch, "y0": top, "y1": top + down.pitch,
        "line": {"color": theme(style).accent, "width": 2.5},
    }  # fmt: skip


def _layer_names(shown: Mosaic, language: str) -> list[str]:
    """The model's own numbers, as many as fit below each other."""
    return _thinned(
        [say("figure.layer_tick", language, layer=layer) for layer in range(len(shown.layers))], MOST_LAYERS
    )


def _head_names(shown: Mosaic, language: str) -> list[str]:
    """Names, or where there are many numbers, as many as fit beside each other; none where each layer has an order."""
    if shown.columns:
        return [""] * shown.heads
    word = "figure.head_tick" if shown.heads <= WORDED else "figure.head_short"
    return _thinned([say(word, language, head=head) for head in range(shown.heads)], MOST_HEADS)


def _thinned(names: list[str], most: int) -> list[str]:
    """The names with all but every second, fourth, eighth, ... left empty, that at most `most` are written."""
    step = 1
    while -(-len(names) // step) > most:
        step *= 2
    return [name if place % step == 0 else "" for place, name in enumerate(names)]


def _name_heads(layout: dict[str, Any], said: str, style: Style) -> None:
    """Say above the tiles what stands across: that the numbers are heads, or that the heads stand in an order."""
    font = {"size": TICK, "color": theme(style).faint}
    layout["xaxis"]["title"] = {"text": say(f"figure.{said}", style.language), "font": font, "standoff": 2}
    layout["margin"]["t"] += 1.4 * TICK


def _numbers(shown: Mosaic, layout: dict[str, Any], style: Style) -> dict[str, object]:
    """Each head's number above its tile, where heads stand in an order and a number can be read."""
    down, across = shown.down, shown.across
    row = (layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]) / len(shown.layers)  # pixels
    size = min(TICK, row * (1 - down.size / down.pitch))
    spots = [shown.spot(place) for place in shown.places] if size >= SMALLEST else []
    return {
        "type": "scatter", "mode": "text", "hoverinfo": "skip", "cliponaxis": False, "textposition": "top right",
        "x": [column * across.pitch - 0.5 for _, column in spots], "y": [row * down.pitch - 0.5 for row, _ in spots],
        "text": [str(head) for _, head in shown.places] if spots else [],
        "textfont": {"size": size, "color": theme(style).faint},
    }  # fmt: skip


def _name_colour(layout: dict[str, Any], style: Style) -> None:
    """Say below the tiles which colour means "not allowed"."""
    layout["annotations"] = [
        {
            "text": not_allowed_mark(style), "xref": "paper", "yref": "paper", "x": 1, "y": 0,
            "xanchor": "right", "yanchor": "top", "showarrow": False, "font": {"size": TICK},
        }
    ]  # fmt: skip
    layout["margin"]["b"] += 1.3 * TICK


def _bands(layout: dict[str, Any], shown: Mosaic, style: Style) -> None:
    """Draw each run of layers without attention as a band that says what stands there and why it has no weights."""
    chosen, down, across = theme(style), shown.down, shown.across
    row = (layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]) / len(shown.layers)  # pixels
    right = max(shown.heads, 1) * across.pitch - (across.pitch - across.size) - 0.5
    for first, last, gap in _runs(shown.layers):
        top, bottom = first * down.pitch - 0.5, last * down.pitch + down.size - 0.5
        layout["shapes"].append(
            {
                "type": "rect", "x0": -0.5, "x1": right, "y0": top, "y1": bottom, "layer": "below",
                "line": {"color": chosen.faint, "width": 1, "dash": "dot"},
            }
        )  # fmt: skip
        said = _in_band(gap, (last - first + 1) * row, style.language)
        if said:
            layout.setdefault("annotations", []).append(
                {
                    "text": said, "x": (right - 0.5) / 2, "y": (top + bottom) / 2, "showarrow": False,
                    "font": {"size": TICK, "color": chosen.text},
                }
            )  # fmt: skip


def _in_band(gap: Gap, pixels: float, language: str) -> str:
    """As much as fits into a band of that height: the whole reason, or that there is no attention; hover says all."""
    lines = wrapped(_reason(gap, language), TICK, NARROW)
    if len(lines) * 1.35 * TICK <= pixels:
        return "<br>".join(lines)
    kind = shortened(say("figure.gap_band", language, kind=escaped(gap.kind, 24)), 60)
    return kind if pixels >= TICK else ""


def _runs(layers: tuple[Attention | Gap, ...]) -> list[tuple[int, int, Gap]]:
    """Neighbouring layers without attention for the same reason: first, last, and what stands there."""
    found: list[tuple[int, int, Gap]] = []
    for number, layer in enumerate(layers):
        if not isinstance(layer, Gap):
            continue
        if found and found[-1][1] == number - 1 and found[-1][2] == layer:
            found[-1] = (found[-1][0], number, layer)
        else:
            found.append((number, number, layer))
    return found
