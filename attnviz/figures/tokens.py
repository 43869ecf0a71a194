"""The sentence itself, each token coloured by the weight that one query gives it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from attnviz.core.rules import Rule
from attnviz.figures.paint.labels import escaped, shortened, widest
from attnviz.figures.paint.palette import (
    Colours,
    Scale,
    bar_width,
    cell_frame,
    colour_bar,
    colours,
    layout,
    ramp,
    shade,
)
from attnviz.messages import say
from attnviz.trace import Trace

A_LINE = 24
ROOM, BESIDE = 600, 4  # pixels for a line on a narrow screen; between two labels
LONGEST = 8  # characters of a label


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
    chosen = colours(dark)
    trace.cell(layer, head, query, 0, rule)  # refuses a position that is not there
    found = trace.attention(layer, head, rule)
    weights = found.weights[query].float().numpy()
    open_keys = np.ones(len(weights), dtype=bool)
    if found.allowed is not None:
        open_keys = found.allowed.expand_as(found.weights)[query].numpy()
    width = _line(trace.key_tokens)
    shades = shade(found.weights[query][None].float(), scale)[0].numpy()
    labels = [escaped(label, LONGEST) for label in trace.key_tokens]
    lines = -(-len(weights) // width)
    picture = _picture(labels, shades, weights, open_keys, (lines, width), language)
    picture |= {"colorscale": ramp(chosen), "colorbar": colour_bar(scale, chosen, language)}
    figure = go.Figure({"data": [picture]})
    if not open_keys.all():
        figure.add_trace(_closed(labels, open_keys, (lines, width), chosen, language))
    figure.update_layout(**layout(chosen, height=90 + 44 * lines, r=bar_width(scale, language)))
    figure.update_layout(annotations=_words(labels, shades * open_keys, width, chosen))
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed")
    if not trace.crossed:
        figure.add_shape(cell_frame(*divmod(query, width), chosen))
    else:
        said = say("figure.looks", language, query=escaped(trace.tokens[query]))
        figure.update_layout(title={"text": said, "font": {"size": 13}, "x": 0, "xanchor": "left"}, margin={"t": 34})
    return figure


def _words(labels: list[str], shades: np.ndarray, width: int, chosen: Colours) -> list[dict[str, object]]:
    """The tokens' labels, each in the colour that is seen on its ground; Plotly's own choice is not, on light blue."""
    return [
        {
            "x": place % width, "y": place // width, "text": label, "showarrow": False,
            "font": {"size": 13, "color": chosen.text if shade < 0.5 else chosen.on_full},
        }
        for place, (label, shade) in enumerate(zip(labels, shades, strict=True))
    ]  # fmt: skip


def _line(labels: list[str]) -> int:
    """How many tokens fit beside each other on a narrow screen?"""
    widest_label = widest([shortened(label, LONGEST) for label in labels], 13)
    return min(len(labels), A_LINE, max(1, int(ROOM / (widest_label + BESIDE))))


def _laid(values: np.ndarray, shape: tuple[int, int], empty: object) -> np.ndarray:
    """One value a token, in lines; what is left of the last line is empty."""
    padded = np.full(shape[0] * shape[1], empty, dtype=values.dtype)
    padded[: len(values)] = values
    return padded.reshape(shape)


def _picture(
    labels: list[str], shades: np.ndarray, weights: np.ndarray, open_keys: np.ndarray, shape: tuple[int, int],
    language: str,
) -> dict[str, object]:  # fmt: skip
    """The tokens that may be looked at."""
    return {
        "type": "heatmap", "z": _laid(np.where(open_keys, shades, np.nan).astype(np.float32), shape, np.nan),
        "zmin": 0, "zmax": 1, "xgap": 2, "ygap": 6, "text": _laid(np.array(labels, dtype=object), shape, ""),
        "customdata": _laid(weights.astype(np.float32), shape, np.nan), "hoverongaps": False,
        "hovertemplate": "%{text}<br>" + say("figure.weight", language) + " %{customdata:.4f}<extra></extra>",
    }  # fmt: skip


def _closed(
    labels: list[str], open_keys: np.ndarray, shape: tuple[int, int], chosen: Colours, language: str
) -> dict[str, object]:
    """The tokens that the query may not look at, in their own colour."""
    return {
        "type": "heatmap", "z": _laid(np.where(open_keys, np.nan, 0).astype(np.float32), shape, np.nan),
        "zmin": 0, "zmax": 1, "colorscale": [[0, chosen.not_allowed], [1, chosen.not_allowed]], "showscale": False,
        "xgap": 2, "ygap": 6, "text": _laid(np.array(labels, dtype=object), shape, ""), "hoverongaps": False,
        "hovertemplate": "%{text}<br>" + say("figure.not_allowed", language) + "<extra></extra>",
    }  # fmt: skip
