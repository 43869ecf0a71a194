"""Strips beside a map that tell whose its rows and columns are: which of two texts', which role's in a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import plotly.graph_objects as go

from attnviz.figures.paint.labels import escaped, widest
from attnviz.figures.paint.palette import ROLES, TEXTS, TICK, theme
from attnviz.selection import Style
from attnviz.text.turns import role_name

ACROSS = 420  # pixels of a map's columns on a narrow screen


@dataclass(frozen=True)
class Owner:
    """Places `first` to `last` of a side that belong together, and what they are called."""

    name: str
    colour: str
    first: int
    last: int


def owners(texts: Sequence[int | None], roles: Sequence[str | None], language: str) -> list[Owner]:
    """Whose are the places of a side, in their order? [] for one text that is no chat."""
    if roles:
        return _of_roles(roles, language)
    return [
        Owner("AB"[which], TEXTS[which], texts.index(which), len(texts) - 1 - list(texts)[::-1].index(which))
        for which in (0, 1)
        if which in texts
    ]


def _of_roles(roles: Sequence[str | None], language: str) -> list[Owner]:
    """One for each stretch that somebody says."""
    found, place = [], 0
    for role, places in groupby(roles):
        count = len(list(places))
        if role is not None:
            name = escaped(role_name(role, language))
            found.append(Owner(name, ROLES.get(role, ROLES[""]), place, place + count - 1))
        place += count
    return found


def strips(
    figure: go.Figure, rows: list[Owner], columns: list[Owner], size: tuple[int, int], style: Style
) -> list[dict[str, object]]:
    """Strips to the right of the rows and above the columns, the names above, and lines between the blocks."""
    for one in columns:
        short = widest([one.name], TICK) > (one.last - one.first + 1) * ACROSS / size[1]
        figure.add_annotation(
            text=f"<b>{one.name[0] if short else one.name}</b>", hovertext=one.name, x=(one.first + one.last) / 2, y=1,
            yref="paper", yanchor="bottom", yshift=2, showarrow=False, font={"size": TICK, "color": one.colour},
        )  # fmt: skip
    if columns:
        figure.layout.margin.t += TICK + 2
    between = {"type": "line", "line": {"color": theme(style).text, "width": 1, "dash": "dot"}}
    right, bottom = size[1] - 0.5, size[0] - 0.5
    return [
        *({**_strip(one), "xref": "paper", "x0": 1, "x1": 1, "y0": one.first - 0.5, "y1": one.last + 0.5}
          for one in rows),
        *({**_strip(one), "yref": "paper", "y0": 1, "y1": 1, "x0": one.first - 0.5, "x1": one.last + 0.5}
          for one in columns),
        *({**between, "x0": -0.5, "x1": right, "y0": one.first - 0.5, "y1": one.first - 0.5} for one in rows[1:]),
        *({**between, "y0": -0.5, "y1": bottom, "x0": one.first - 0.5, "x1": one.first - 0.5} for one in columns[1:]),
    ]  # fmt: skip


def _strip(one: Owner) -> dict[str, object]:
    """A line in an owner's colour."""
    return {"type": "line", "line": {"color": one.colour, "width": 5}}
