"""Numbers against numbers as lines, and numbers with names as bars: what plots beside the maps look like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import TICK, layout, series, theme
from attnviz.selection import Style

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
LONGEST = 28  # characters of a line's or bar's name
HEIGHT = 300
MARKS = 40  # of a line at most: more run into each other
NARROW = 340  # pixels: a legend must fit beside the axis of a narrow screen
FEW_POWERS = 2.5  # of ten: over more of them 2 and 5 have no room between
COUNTED = 10  # places that are counted (layers, ranks): up to so many each has its mark


@dataclass(frozen=True)
class Line:
    """One line: its name in the legend and its points; `dashed` for theory or a bound, `points` without a line."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False
    points: bool = False


@dataclass(frozen=True)
class Axes:
    """What stands along the axes of a plot, and whether they are logarithmic."""

    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


def lines(
    drawn: Sequence[Line],
    *,
    x_title: str,
    y_title: str,
    dark: bool = False,
    language: str = "en",
    log_x: bool = False,
    log_y: bool = False,
    height: int | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> go.Figure:
    """How does one number go with another? Every line in a colour and with a mark of its own.

    `marks` are values of x, each with a word, that get an upright line ("you are here").
    """
    axes, style = Axes(x_title, y_title, log_x, log_y), Style(dark=dark, language=language, height=height)
    return paint_lines(drawn, axes, style, marks)


def paint_lines(drawn: Sequence[Line], axes: Axes, style: Style, marks: Sequence[tuple[float, str]] = ()) -> go.Figure:
    """The picture of some lines between axes."""
    chosen = theme(style)
    many = sum(bool(line.name) for line in drawn) > 1
    across = [x for line in drawn for x in line.x]
    figure = go.Figure(
        {
            "data": [_line(line, number, style.dark) for number, line in enumerate(drawn)],
            "layout": {
                **layout(chosen, height=style.pixels(HEIGHT), l=58, b=46, t=22 if marks else 10),
                "showlegend": many,
                "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": TICK + 1}},
                "xaxis": {
                    **axis(axes.x, style, across if axes.log_x else None),
                    **({} if axes.log_x else _counted(across)),
                },
                "yaxis": axis(axes.y, style, [y for line in drawn for y in line.y] if axes.log_y else None),
            },
        }
    )
    if many:
        names = [line.name for line in drawn if line.name]
        rows = -(-sum(round(widest([name], TICK + 1)) + 44 for name in names) // NARROW)
        figure.update_layout(margin={"t": 14 + 20 * min(rows, len(names))})
    for at, word in marks:
        figure.add_vline(x=at, line={"color": chosen.accent, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=math.log10(at) if axes.log_x else at, y=1, yref="paper", yanchor="top", xanchor="left", showarrow=False,
            text=escaped(word, LONGEST), font={"size": TICK, "color": chosen.accent},
        )  # fmt: skip
    return figure


def _line(line: Line, number: int, dark: bool) -> dict[str, Any]:
    """One line as Plotly takes it."""
    colour = series(number, dark)
    mode = "markers" if line.points else "lines+markers"  # a hue alone does not tell every reader the lines apart
    name = escaped(line.name, LONGEST)
    said = f"<b>{name}</b><br>" if name else ""
    return {
        "type": "scatter", "mode": mode, "name": name, "x": list(line.x), "y": list(line.y),
        "line": {"color": colour, "width": 2, **({"dash": "dash"} if line.dashed else {})},
        "marker": {"color": colour, "symbol": SYMBOLS[number % len(SYMBOLS)], "size": 7, "maxdisplayed": MARKS},
        "hovertemplate": said + "%{x:.4~g}: %{y:.4~g}<extra></extra>",
    }  # fmt: skip


def axis(title: str, style: Style, powers: Sequence[float] | None = None) -> dict[str, Any]:
    """An axis with its name and faint lines; a logarithmic one where `powers` are the values along it.

    Large numbers have k, M and G in English, powers of ten in Chinese, which counts by ten thousands.
    """
    return {
        "title": {"text": escaped(title, 60), "font": {"size": TICK + 1}, "standoff": 6},
        "type": "linear" if powers is None else "log",
        "gridcolor": theme(style).not_allowed, "griddash": "dot", "zeroline": False, "fixedrange": True,
        "tickfont": {"size": TICK}, **({} if powers is None else _powers(powers)),
        "exponentformat": "power" if style.language == "zh" else "SI",
    }  # fmt: skip


def _powers(values: Sequence[float]) -> dict[str, Any]:
    """The marks of a logarithmic axis: 1, 2, 5, 10 ... over a few powers of ten, over more the powers alone.

    Named one by one, since Plotly writes a 2 and a 5 of its own too small to read.
    """
    ends = [math.log10(value) for value in values if value > 0]
    if not ends or max(ends) - min(ends) > FEW_POWERS:
        return {"dtick": 1}
    every = range(math.floor(min(ends)), math.ceil(max(ends)) + 1)
    return {"tickvals": [step * 10.0**power for power in every for step in (1, 2, 5)]}


def _counted(values: Sequence[float]) -> dict[str, Any]:
    """A mark for each of a few whole numbers: there is no layer 0.5."""
    few = len(set(values)) > 2 and max(values) - min(values) <= COUNTED
    return {"dtick": 1} if few and all(float(value).is_integer() for value in values) else {}


def bars(
    names: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    dark: bool = False,
    language: str = "en",
    height: int | None = None,
    chosen: int | None = None,
    form: str = ".3f",
) -> go.Figure:
    """How large is each of these? One bar a name, the first on top, its number beside it; `chosen` stands out."""
    style = Style(dark=dark, language=language, height=height)
    colours = theme(style)
    labels = [escaped(name, LONGEST) for name in names]
    fill = [colours.accent if number == chosen else series(0, dark) for number in range(len(labels))]
    return go.Figure(
        {
            "data": [
                {
                    "type": "bar", "orientation": "h", "x": list(values), "y": list(range(len(labels))),
                    "marker": {"color": fill}, "text": [f"{value:{form}}" for value in values],
                    "textposition": "outside", "cliponaxis": False, "hovertext": labels,
                    "hovertemplate": "%{hovertext}: %{text}<extra></extra>",
                }
            ],
            "layout": {
                **layout(colours, height=style.pixels(60 + 26 * len(labels)), l=14 + widest(labels, 12), b=40, r=56),
                "xaxis": axis(title, style),
                "yaxis": {
                    "tickvals": list(range(len(labels))), "ticktext": labels, "autorange": "reversed",
                    "fixedrange": True, "tickfont": {"size": 12}, "zeroline": False, "showgrid": False,
                },
            },
        }
    )  # fmt: skip
