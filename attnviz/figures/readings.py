"""Which head reads which way: the lean of every head, two heads side by side with their words boxed, what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Characters
from attnviz.figures.cells import cells, recolour
from attnviz.figures.paint.palette import (
    CLEAR,
    TICK,
    Colours,
    Diverging,
    diverging,
    head_axes,
    head_margins,
    layout,
    theme,
)
from attnviz.measures.readings import Lean, Verdict, by_unit, unit_places, units_of
from attnviz.messages import say, signed
from attnviz.selection import PLAIN, Style
from attnviz.text.segmentation import Reading
from attnviz.trace import Trace

View = Literal["token", "word", "difference"]
HEIGHT, HEAD_HEIGHT, ARROWS_HEIGHT = 320, 350, 260
PALE_LIGHT, PALE_DARK = "#eceef1", "#2a2f37"
SIGN = {"first": 1, "second": -1}
TILES = {"xgap": 7, "ygap": 7, "showscale": False, "texttemplate": "%{text}"}


def lean_grid(found: Lean, *, selected: Sequence[tuple[int, int]] = (), style: Style = PLAIN) -> go.Figure:
    """What does every head do with the two readings? Layers down, heads across, the bits of each written in its tile.

    A head has its reading's colour and letter only where its lean is clear (`Lean.verdict`); all others are pale, and
    those that rest on special tokens are hatched. `selected` heads (A first, then B) are framed in their reading's
    colour. Each tile's `customdata` is (layer, head), for `plotly_click`.
    """
    chosen, two, language = theme(style), diverging(style.dark), style.language
    verdicts = found.verdicts()
    layers, heads = found.bits.shape
    tiles = {
        "type": "heatmap", "z": found.bits.numpy(), "colorscale": [[0, pale(style)], [1, pale(style)]],
        "text": [_written(*row, heads) for row in zip(found.bits.tolist(), verdicts, strict=True)],
        "hovertext": [[say(f"figure.verdict_{verdict}", language) for verdict in row] for row in verdicts],
        "hovertemplate": say("figure.lean_hover", language) + "<extra></extra>",
        "textfont": {"color": chosen.text, "size": TICK},
        "customdata": [[[layer, head] for head in range(heads)] for layer in range(layers)], **TILES,
    }  # fmt: skip
    clear = {
        "type": "heatmap", "z": [[SIGN.get(verdict) for verdict in row] for row in verdicts], "zmin": -1, "zmax": 1,
        "colorscale": [[0, two.second], [0.5, two.second], [0.5, two.first], [1, two.first]], "hoverinfo": "skip",
        "text": [_lettered(*row, heads, language) for row in zip(found.bits.tolist(), verdicts, strict=True)],
        "textfont": {"color": chosen.on_full, "size": TICK}, **TILES,
    }  # fmt: skip
    names = [say("figure.layer_tick", language, layer=layer) for layer in range(layers)]
    word = "figure.head_tick" if heads <= 4 else "figure.head_short"
    return go.Figure(
        {
            "data": [tiles, clear, _hatching(found.of("resting"), chosen)],
            "layout": {
                **layout(chosen, height=style.pixels(HEIGHT), **head_margins(names)),
                **head_axes(names, [say(word, language, head=head) for head in range(heads)]),
                "shapes": _frames(selected, style),
            },
        }
    )


def pale(style: Style) -> str:
    """The ground of a head that holds no reading clearly."""
    return PALE_DARK if style.dark else PALE_LIGHT


def swatches(style: Style) -> dict[Verdict, str]:
    """The ground of each kind of tile as CSS, for the legend."""
    first, second = side_colours(style.dark)
    faint = theme(style).faint
    stripes = f"repeating-linear-gradient(135deg,{faint} 0 1px,{pale(style)} 1px 4px)"
    return {"first": first, "second": second, "unclear": pale(style), "resting": stripes}


def _written(bits: Sequence[float], verdicts: Sequence[Verdict], heads: int) -> list[str]:
    """The bits of a row of heads; none where the weight is elsewhere."""
    return ["" if v == "resting" else _in_tile(b, heads) for b, v in zip(bits, verdicts, strict=True)]


def _lettered(bits: Sequence[float], verdicts: Sequence[Verdict], heads: int, language: str) -> list[str]:
    """The letter of the reading that a head holds clearly, over its bits."""
    return [
        f"<b>{say(f'figure.letter_{v}', language)}</b><br>{_in_tile(b, heads)}" if v in SIGN else ""
        for b, v in zip(bits, verdicts, strict=True)
    ]


def _hatching(places: Sequence[tuple[int, int]], chosen: Colours) -> dict[str, object]:
    """Stripes over the tiles of heads that rest, one closed line round each."""
    x, y = list[float | None](), list[float | None]()
    for layer, head in places:
        x += [head - 0.46, head + 0.46, head + 0.46, head - 0.46, head - 0.46, None]
        y += [layer - 0.44, layer - 0.44, layer + 0.44, layer + 0.44, layer - 0.44, None]
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip", "fill": "toself",
        "line": {"width": 0, "color": chosen.faint}, "meta": [list(place) for place in places],
        "fillpattern": {"shape": "/", "size": 8, "solidity": 0.18, "fgcolor": chosen.faint, "bgcolor": CLEAR},
    }  # fmt: skip


def _frames(selected: Sequence[tuple[int, int]], style: Style) -> list[dict[str, object]]:
    """The outlines of the heads that are open, in the gaps between tiles."""
    return [
        {
            "type": "rect", "x0": head - 0.5, "x1": head + 0.5, "y0": layer - 0.5, "y1": layer + 0.5,
            "line": {"color": colour, "width": 3},
        }
        for (layer, head), colour in zip(selected, side_colours(style.dark), strict=False)
    ]  # fmt: skip


def _in_tile(value: float, heads: int) -> str:
    """As many digits as fit into a tile."""
    return signed(value, 2 if heads <= 4 else 1) if heads <= 8 else ""


def side_colours(dark: bool) -> tuple[str, str]:
    """The colours of reading A and reading B."""
    two: Diverging = diverging(dark)
    return two.first, two.second


@dataclass(frozen=True)
class Opened:
    """One of two heads side by side, both (layer, head): this one, the `other`, whose `side` (0: A, 1: B), which view.

    `view` "token": the weights; "word": the same by unit, summed over keys and averaged over queries; "difference":
    the weights by which this head exceeds the other.
    """

    place: tuple[int, int]
    other: tuple[int, int]
    side: int
    view: View = "token"


def opened_head(trace: Trace, reading: Reading, which: Opened, style: Style = PLAIN) -> go.Figure:
    """One head without special tokens, the units of its reading boxed in the colour of its side."""
    text = [number for number, special in enumerate(trace.special) if not special]
    every = units_of(trace, reading)
    units = [every[number] for number in text]
    labels = [trace.tokens[number] for number in text]
    weights = _inner(trace, which.place, text)
    if which.view == "word":
        groups = unit_places(units)
        weights, labels = by_unit(weights, units), [_together(trace, [text[one] for one in group]) for group in groups]
    if which.view == "difference":
        weights = weights - _inner(trace, which.other, text)
    figure = cells(weights, (labels, labels), replace(style, height=style.pixels(HEAD_HEIGHT)))
    if which.view == "difference":
        recolour(figure, weights, style)
    if which.view != "word":
        figure.update_layout(shapes=_boxes(unit_places(units), side_colours(style.dark)[which.side]))
    return figure


def _inner(trace: Trace, place: tuple[int, int], text: list[int]) -> Tensor:
    """The weights between the text's own tokens, `[query, key]`; rows sum to less than 1 by what special tokens get."""
    return trace.weights(*place)[text][:, text]


def _together(trace: Trace, tokens: list[int]) -> str:
    """What a unit's tokens stand for in the text."""
    spans = [span for token in tokens if isinstance(span := trace.queries.stands_for(token), Characters)]
    return trace.text[spans[0][0] : spans[-1][1]] if spans else trace.tokens[tokens[0]]


def _boxes(groups: Sequence[Sequence[int]], colour: str) -> list[dict[str, object]]:
    """A box on the diagonal for each unit."""
    return [
        {
            "type": "rect", "x0": group[0] - 0.5, "x1": group[-1] + 0.5, "y0": group[0] - 0.5, "y1": group[-1] + 0.5,
            "line": {"color": colour, "width": 2.5},
        }
        for group in groups
    ]  # fmt: skip


def arrows(
    before: Float[Tensor, "layer head"],
    after: Float[Tensor, "layer head"],
    style: Style = PLAIN,
) -> go.Figure:
    """From one lean to another, an arrow for each head: heads across, bits up; above 0 is towards A."""
    chosen, two = theme(style), diverging(style.dark)
    layers, heads = before.shape
    names = [f"{layer}.{head}" for layer in range(layers) for head in range(heads)]
    pairs = list(zip(before.flatten().tolist(), after.flatten().tolist(), strict=True))
    moved = [
        {
            "type": "scatter", "mode": "lines+markers", "x": [place, place], "y": list(pair),
            "line": {"color": two.first if pair[1] >= pair[0] else two.second, "width": 2},
            "marker": {"symbol": ["circle", "arrow"], "size": [5, 11], "angleref": "previous"},
            "hovertemplate": f"{names[place]}: {pair[0]:+.3f} → {pair[1]:+.3f}<extra></extra>",
        }
        for place, pair in enumerate(pairs)
    ]  # fmt: skip
    shared = {"showgrid": False, "fixedrange": True, "tickfont": {"size": TICK}}
    every = list(range(0, len(names), 1 if len(names) <= 16 else heads))
    return go.Figure(
        {
            "data": moved,
            "layout": {
                **layout(chosen, height=style.pixels(ARROWS_HEIGHT), l=44, b=40),
                "xaxis": {
                    **shared, "tickvals": every, "ticktext": [names[place] for place in every], "zeroline": False,
                    "title": {"text": say("figure.arrows_axis", style.language), "font": {"size": TICK}},
                },
                "yaxis": {**shared, "zeroline": True, "zerolinecolor": chosen.faint, "tickformat": "+.1f"},
            },
        }
    )  # fmt: skip
