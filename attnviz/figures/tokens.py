"""The sentence itself, each token coloured by the weight that one query gives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Bool, Float

from attnviz.core.rules import Rule
from attnviz.figures.paint.labels import escaped, shortened, widest
from attnviz.figures.paint.palette import (
    bar_width,
    cell_frame,
    colour_bar,
    layout,
    ramp,
    shade,
    theme,
)
from attnviz.messages import say
from attnviz.selection import Scale, Selection, Style
from attnviz.trace import Trace

A_LINE = 24
ROOM, BESIDE = 600, 4  # pixels for a line on a narrow screen; between two labels
LONGEST = 8  # characters of a label


@dataclass(frozen=True)
class Row:
    """What is shown of one query: who may be looked at (`open_keys`), and by how much each is.

    `asked` is the query's label where it is not itself among the keys, else None.
    """

    query: int
    labels: list[str]
    weights: Float[np.ndarray, " key"]
    open_keys: Bool[np.ndarray, " key"]
    asked: str | None = None
    right_to_left: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """How many lines there are, and how many tokens fit beside each other on a narrow screen."""
        widest_label = widest([shortened(label, LONGEST) for label in self.labels], 13)
        width = min(len(self.labels), A_LINE, max(1, int(ROOM / (widest_label + BESIDE))))
        return -(-len(self.labels) // width), width


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
    """What does this token look at? The text in lines of up to 24 tokens, coloured by weight, the query framed.

    Cross attention shows the text that is looked at; the query, which is not in it, is named above. Tokens that the
    query may not look at have a colour of their own.
    """
    return paint_row(row(trace, Selection(layer, head, query, rule=rule)), Style(scale, dark, language))


def row(trace: Trace, selection: Selection) -> Row:
    """What does the chosen query look at? Raises `AttnvizError` for a layer, a head or a query that is not there."""
    query = selection.query
    trace.cell(selection.layer, selection.head, query, 0, selection.rule)  # refuses a position that is not there
    found = selection.attention(trace)
    weights = found.weights[query].float().numpy()
    open_keys = np.ones(len(weights), dtype=bool)
    if found.allowed is not None:
        open_keys = found.allowed.expand_as(found.weights)[query].numpy()
    asked = trace.tokens[query] if trace.crossed else None
    return Row(query, trace.key_tokens, weights, open_keys, asked, trace.keys.right_to_left)


def paint_row(shown: Row, style: Style) -> go.Figure:
    """The text that one query looks at, in lines."""
    chosen, (lines, width) = theme(style), shown.shape
    shades = shade(torch.from_numpy(shown.weights)[None], style.scale)[0].numpy()
    picture = _picture(shown, shades, style.language)
    picture |= {"colorscale": ramp(chosen), "colorbar": colour_bar(style)}
    figure = go.Figure({"data": [picture]})
    if not shown.open_keys.all():
        figure.add_trace(_closed(shown, style))
    height = style.pixels(90 + 44 * lines)
    figure.update_layout(**layout(chosen, height=height, r=bar_width(style)))
    figure.update_layout(annotations=_words(shown, shades * shown.open_keys, style))
    figure.update_xaxes(visible=False, fixedrange=True)
    if shown.right_to_left:
        figure.update_xaxes(autorange="reversed")
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed")
    if shown.asked is None:
        figure.add_shape(cell_frame(*divmod(shown.query, width), chosen))
    else:
        said = say("figure.looks", style.language, query=escaped(shown.asked))
        figure.update_layout(title={"text": said, "font": {"size": 13}, "x": 0, "xanchor": "left"}, margin={"t": 34})
    return figure


def _words(shown: Row, shades: np.ndarray, style: Style) -> list[dict[str, object]]:
    """The tokens' labels, each in the colour that is seen on its ground; Plotly's own choice is not, on light blue."""
    chosen, (_, width) = theme(style), shown.shape
    return [
        {
            "x": place % width, "y": place // width, "text": label, "showarrow": False,
            "font": {"size": 13, "color": chosen.text if shade < 0.5 else chosen.on_full},
        }
        for place, (label, shade) in enumerate(zip(_labels(shown), shades, strict=True))
    ]  # fmt: skip


def _labels(shown: Row) -> list[str]:
    """The labels as they are drawn."""
    return [escaped(label, LONGEST) for label in shown.labels]


def _laid(values: np.ndarray, shape: tuple[int, int], empty: object) -> np.ndarray:
    """One value a token, in lines; what is left of the last line is empty."""
    padded = np.full(shape[0] * shape[1], empty, dtype=values.dtype)
    padded[: len(values)] = values
    return padded.reshape(shape)


def _picture(shown: Row, shades: np.ndarray, language: str) -> dict[str, object]:
    """The tokens that may be looked at."""
    shape, seen = shown.shape, np.where(shown.open_keys, shades, np.nan).astype(np.float32)
    return {
        "type": "heatmap", "z": _laid(seen, shape, np.nan), "meta": "words",  # `ticks.js` fits them in their cells
        "zmin": 0, "zmax": 1, "xgap": 2, "ygap": 6, "text": _laid(np.array(_labels(shown), dtype=object), shape, ""),
        "customdata": _laid(shown.weights.astype(np.float32), shape, np.nan), "hoverongaps": False,
        "hovertemplate": "%{text}<br>" + say("figure.weight", language) + " %{customdata:.4f}<extra></extra>",
    }  # fmt: skip


def _closed(shown: Row, style: Style) -> dict[str, object]:
    """The tokens that the query may not look at, in their own colour."""
    shape, chosen = shown.shape, theme(style)
    return {
        "type": "heatmap", "z": _laid(np.where(shown.open_keys, np.nan, 0).astype(np.float32), shape, np.nan),
        "zmin": 0, "zmax": 1, "colorscale": [[0, chosen.not_allowed], [1, chosen.not_allowed]], "showscale": False,
        "xgap": 2, "ygap": 6, "text": _laid(np.array(_labels(shown), dtype=object), shape, ""), "hoverongaps": False,
        "hovertemplate": "%{text}<br>" + say("figure.not_allowed", style.language) + "<extra></extra>",
    }  # fmt: skip
