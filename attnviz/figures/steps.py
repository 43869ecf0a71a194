"""The steps of one query as a table: a row a key, from its strip over product, scale, mask and weight to its value."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from attnviz.figures.paint.labels import escaped, shortened
from attnviz.figures.paint.palette import TICK, layout, series, theme
from attnviz.figures.strips import background, highest
from attnviz.messages import say
from attnviz.selection import PLAIN, Style

HEIGHT = 300
STYLE = """<style>
.steps { overflow-x: auto; }
.steps table { border-collapse: separate; border-spacing: 0 3px; width: 100%; min-width: 660px; font-size: 0.86rem; }
.steps th { font-weight: 600; text-align: right; padding: 0 0.6rem; white-space: nowrap; }
.steps td { text-align: right; padding: 0.1rem 0.6rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.steps .name { text-align: left; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; }
.steps .strip { width: 26%; padding: 0; }
.steps .strip div { height: 1.3rem; border-radius: 3px; }
.steps .left { text-align: left; padding: 0; }
@media (max-width: 640px) { /* from the query to the weight on one screen: the strips give way, they need no letters */
  .steps table { min-width: 0; font-size: 0.75rem; }
  .steps :is(th, td):not(.strip, .left) { padding-inline: 0.22rem; }
  .steps .name { max-width: 4rem; }
  .steps .strip { width: 19%; }
}
</style>"""


@dataclass(frozen=True)
class Shown:
    """What the table shows: the query's name and the keys', and the vectors and numbers of every step.

    `looks` is the query `[d]`, `keys` `[key, d]`, `values` `[key, d_value]`, `output` `[d_value]`; `products`,
    `scaled`, `masked` and `weights` are `[key]`.
    """

    query: str
    names: Sequence[str]
    looks: Tensor
    keys: Tensor
    values: Tensor
    output: Tensor
    products: Tensor
    scaled: Tensor
    masked: Tensor
    weights: Tensor


def table(shown: Shown, *, chosen: int, scale: str, style: Style = PLAIN) -> str:
    """Every step of one query, as HTML: a row a key.

    The row of the key `chosen` stands out; `scale` is how the column of scaled products is headed. Keys and query share
    their colours' range, values and output theirs.
    """
    top, top_value = max(map(highest, (shown.looks, shown.keys))), max(map(highest, (shown.values, shown.output)))
    said = {
        name: html.escape(say(f"figure.steps_{name}", style.language))
        for name in ("query", "key", "mask", "weight", "value", "output")
    }
    head = (
        f"<tr><th class='left name'>{html.escape(shortened(shown.query))}</th>{_strip(shown.looks, top, style)}"
        f"<td class='left' colspan='5'>&ensp;{said['query']} <i>q</i></td></tr>"
        f"<tr><td></td><th class='left'>{said['key']} <i>k</i></th><th><i>q·k</i></th><th>{html.escape(scale)}</th>"
        f"<th>{said['mask']}</th><th>{said['weight']}</th><th class='left'>{said['value']} <i>v</i></th></tr>"
    )
    rows = "".join(_row(shown, number, (top, top_value), number == chosen, style) for number in range(len(shown.names)))
    foot = (
        f"<tr><td colspan='6'>Σ {float(shown.weights.sum()):.4f}</td>{_strip(shown.output, top_value, style)}</tr>"
        f"<tr><td colspan='6'></td><td class='left'>{said['output']} <i>o</i> = Σ <i>w·v</i></td></tr>"
    )
    named = f"tabindex='0' role='group' aria-label='{html.escape(say('frame.table', style.language), quote=True)}'"
    return f"{STYLE}<div class='steps' {named}><table>{head}{rows}{foot}</table></div>"


def _row(shown: Shown, number: int, tops: tuple[float, float], chosen: bool, style: Style) -> str:
    """One key, from its strip to its value."""
    look = theme(style)
    mark = f" style='outline:2px solid {look.accent};outline-offset:-1px'" if chosen else ""
    numbers = "".join(
        f"<td>{_number(float(column[number]))}</td>" for column in (shown.products, shown.scaled, shown.masked)
    )
    weight = float(shown.weights[number])
    return (
        f"<tr{mark}><td class='name'>{html.escape(shortened(shown.names[number]))}</td>"
        f"{_strip(shown.keys[number], tops[0], style)}{numbers}"
        f"<td style='{_filled(weight, look.ramp[2])}'>{weight:.4f}</td>"
        f"{_strip(shown.values[number], tops[1], style)}</tr>"
    )


def _strip(values: Tensor, top: float, style: Style) -> str:
    """One vector as a cell."""
    return f"<td class='strip'><div style='background:{background(values, top, dark=style.dark)}'></div></td>"


def _number(value: float) -> str:
    """A number of the table; what a mask forbids is minus infinity.

    >>> _number(-1.23456), _number(float("-inf"))
    ('−1.235', '−∞')
    """
    return "−∞" if value == -math.inf else f"{value:.3f}".replace("-", "−")


def _filled(share: float, colour: str) -> str:
    """A cell filled from the left as far as its weight."""
    end = f"{100 * min(max(share, 0.0), 1.0):.1f}%"
    return f"background:linear-gradient(to right,{colour}66 {end},transparent {end})"


def entropies(
    labels: Sequence[str], rows: Sequence[tuple[str, Float[Tensor, " query"]]], even: float, *, chosen: int,
    style: Style = PLAIN,
) -> go.Figure:  # fmt: skip
    """How spread out is each query's row, this way and that? Entropies in bits, a mark for each query and way.

    `even` is the entropy of equal weights, drawn as a dashed line; the query `chosen` has an upright one.
    """
    look = theme(style)
    places = list(range(len(labels)))
    symbols = ("circle", "square")
    data = [
        {
            "type": "scatter", "mode": "markers", "name": escaped(name, 28), "x": places, "y": values.tolist(),
            "marker": {"size": 9, "symbol": symbols[number % 2], "color": series(number, style.dark)},
            "text": [escaped(label) for label in labels], "hovertemplate": "%{text}: %{y:.3f}<extra></extra>",
        }
        for number, (name, values) in enumerate(rows)
    ]  # fmt: skip
    every, said = places[:: -(-len(labels) // 40)], say("figure.entropy_axis", style.language)
    figure = go.Figure(
        {
            "data": data,
            "layout": {
                **layout(look, height=style.pixels(HEIGHT), l=58, b=56, t=34),
                "showlegend": True,
                "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": TICK + 1}},
                "xaxis": {
                    "tickvals": every, "ticktext": [escaped(labels[place], 10) for place in every],
                    "tickfont": {"size": 12}, "fixedrange": True, "showgrid": False, "zeroline": False,
                    "range": [-0.5, len(labels) - 0.5], "tickangle": -60 if len(labels) > 12 else 0,
                },
                "yaxis": {
                    "title": {"text": said, "font": {"size": TICK + 1}, "standoff": 6},
                    "gridcolor": look.not_allowed, "griddash": "dot", "fixedrange": True, "zeroline": False,
                    "range": [-0.05 * even, 1.1 * even], "tickfont": {"size": TICK},
                },
            },
        }
    )  # fmt: skip
    figure.add_hline(y=even, line={"color": look.faint, "width": 1.5, "dash": "dash"})
    figure.add_vline(x=chosen, line={"color": look.accent, "width": 1.5, "dash": "dot"})
    return figure
