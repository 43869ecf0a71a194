"""Pictures of who may look at whom, and of weights beside what taking them away did."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from jaxtyping import Bool
from torch import Tensor

from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import TICK, Colours, layout, not_allowed_mark, series, theme
from attnviz.messages import say
from attnviz.selection import PLAIN, Style

HEIGHT, EDGES_HEIGHT = 300, 340
MOST_LABELS = 32


def pattern(
    allowed: Bool[Tensor, "query key"],
    labels: Sequence[str],
    key_labels: Sequence[str] | None = None,
    *,
    style: Style = PLAIN,
) -> go.Figure:
    """Which pairs are computed? One colour where a query may look at a key, that of `heatmap` where it may not."""
    chosen, blue, language = theme(style), series(0, style.dark), style.language
    rows, columns = ([escaped(label) for label in names] for names in (labels, key_labels or labels))
    picture = {
        "type": "heatmap", "z": allowed.float().numpy(), "zmin": 0, "zmax": 1, "showscale": False,
        "colorscale": [[0, chosen.not_allowed], [1, blue]],
        "customdata": [[say(f"figure.{'allowed' if cell else 'not_allowed'}", language) for cell in row]
                       for row in allowed.tolist()],
        "hovertemplate": say("figure.hover_pattern", language) + "<extra></extra>",
        "xgap": 1 if len(columns) <= MOST_LABELS else 0, "ygap": 1 if len(rows) <= MOST_LABELS else 0,
    }  # fmt: skip
    axes = {}
    for name, names in (("x", columns), ("y", rows)):
        axes[f"{name}axis"] = {
            "tickvals": list(range(len(names))), "ticktext": names, "showticklabels": len(names) <= MOST_LABELS,
            "tickfont": {"size": 9}, "ticks": "", "showgrid": False, "zeroline": False, "fixedrange": True,
            "range": [-0.5, len(names) - 0.5] if name == "x" else [len(names) - 0.5, -0.5],
        }  # fmt: skip
    axes["xaxis"]["tickangle"] = -60 if max(map(len, columns), default=1) > 2 else 0
    few = max(len(rows), len(columns)) <= MOST_LABELS
    legend = {
        "text": f'<span style="color:{blue}">■</span> {say("figure.allowed", language)} &nbsp; '
        + not_allowed_mark(style),
        "xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "showarrow": False,
        "font": {"size": TICK},
    }  # fmt: skip
    margins = {"l": 8 + widest(rows, 9), "b": 10 + widest(columns, 9)} if few else {}
    return go.Figure(
        {
            "data": [picture],
            "layout": {**layout(chosen, height=style.pixels(HEIGHT), t=22, **margins), **axes, "annotations": [legend]},
        }
    )


def edges(
    weights: Sequence[float],
    bits: Sequence[float],
    labels: Sequence[str],
    style: Style = PLAIN,
) -> go.Figure:
    """Do heavy edges matter? One point for each edge: its weight across, the bits that forbidding it cost up.

    The axes grow as square roots, so that the many small ones are seen apart; ticks name the numbers themselves.
    """
    chosen = theme(style)
    x, y = ([max(value, 0.0) ** 0.5 for value in values] for values in (weights, bits))
    names = [escaped(label) for label in labels]
    said = [list(one) for one in zip(names, weights, bits, strict=True)]
    points = {
        "type": "scatter", "mode": "markers+text", "x": x, "y": y, "customdata": said,
        "text": _told_apart(x, y, names), "textposition": "top center",
        "textfont": {"size": TICK, "color": chosen.text},
        "marker": {"size": 8, "color": series(0, style.dark)}, "cliponaxis": False,
        "hovertemplate": say("figure.hover_edge", style.language) + "<extra></extra>",
    }  # fmt: skip
    return go.Figure(
        {
            "data": [points],
            "layout": {
                **layout(chosen, height=style.pixels(EDGES_HEIGHT), l=58, b=46, t=16, r=20),
                "xaxis": _roots(x, say("figure.edge_weight", style.language), chosen),
                "yaxis": _roots(y, say("figure.edge_bits", style.language), chosen),
            },
        }
    )


def _told_apart(x: Sequence[float], y: Sequence[float], labels: Sequence[str]) -> list[str]:
    """The labels that have room, those of the costliest edges first; hover names the others.

    None stands in the corner where the many small edges lie, none upon another.
    """
    across, up = (max([*values, 1e-9]) for values in (x, y))
    said = [""] * len(labels)
    for one in sorted(range(len(labels)), key=lambda at: (-y[at], -x[at])):
        place = x[one] / across, y[one] / up
        others = [(x[at] / across, y[at] / up) for at, label in enumerate(said) if label]
        free = all(abs(place[0] - right) > 0.13 or abs(place[1] - high) > 0.07 for right, high in others)
        if free and (place[0] > 0.3 or place[1] > 0.2):
            said[one] = labels[one]
    return said


def _roots(values: Sequence[float], title: str, chosen: Colours) -> dict[str, object]:
    """An axis of square roots whose ticks name what they are the roots of."""
    top = max([*values, 0.05])
    steps = [0.0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    apart = [step for step in steps if step**0.5 <= 1.1 * top]
    ticks = [step for step in apart if step in (0.0, apart[-1]) or step**0.5 >= 0.08 * top]
    return {
        "title": {"text": title, "font": {"size": TICK + 1}, "standoff": 6}, "fixedrange": True, "zeroline": False,
        "range": [-0.05 * top, 1.18 * top], "tickvals": [tick**0.5 for tick in ticks],
        "ticktext": [f"{tick:g}" for tick in ticks], "tickfont": {"size": TICK}, "gridcolor": chosen.not_allowed,
        "griddash": "dot",
    }  # fmt: skip
