"""The pictures of a long text: all heads, the map with its minimap, one token's line, the text itself.

What takes time is kept by names and numbers; a step on the map computes the window alone.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import (
    SHARED,
    address,
    asset,
    bar,
    clicked,
    css_class,
    draw,
    file_name,
    listen_to_clicks,
    offer_file,
    plain,
    t,
    take_picture,
)
from attnviz.ui.pages.long import choices as long
from attnviz.ui.pages.long import export
from attnviz.ui.pages.long.choices import KEY, Look
from attnviz.ui.pages.long.cost import amount
from attnviz.ui.pages.long.find import Hit
from attnviz.ui.pages.long.run import HEIGHT, SMALL_HEIGHT, Done, grid_of, overview_of, weights_of, window_of
from attnviz.ui.pages.long.view import MOVES, Place, Window, along

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.figures import Figure

MAP, FRAME, SMALL, LINE = KEY + "map", KEY + "frame", KEY + "small", KEY + "line"
LINE_HEIGHT = 190
SIZE, SMALL_SIZE = 480, 96  # cells of the overview and of the minimap
MOMENT = 1.0  # seconds after which a picture that is not ready says how far it is
MOST_HITS = 2_000  # occurrences marked in the text
OPEN = {name: f"{{{name}}}" for name in ("query", "key", "place", "token", "weight")}  # filled in by the browser
SIGNS = {"in": "+", "out": "−", "left": "←", "right": "→", "up": "↑", "down": "↓"}  # as on the keys


def _grid(done: Done, look: Look, told: Callable[[float], object]) -> Figure:
    """All heads, none of them framed: which one is chosen does not matter."""
    unopened = replace(look.selection, layer=0, head=0)
    return grid_of(done.what, replace(look, selection=unopened, how="max"), done.trace, told)


class Told:
    """How far a picture is that takes longer than a moment: a bar from the first word of it on, if it is late."""

    def __init__(self, place: DeltaGenerator, words: str) -> None:
        self._place, self._words, self._began = place, words, time.monotonic()

    def __call__(self, share: float) -> None:
        if share < 1 and time.monotonic() - self._began > MOMENT:
            self._place.progress(share, text=self._words)


def draw_grid(done: Done, look: Look) -> None:
    """All heads, the open one framed; a click opens another."""
    place = st.empty()
    with st.spinner(t("long.drawing_grid")):
        every = _grid(done, look, Told(place, t("long.drawing_grid")))
    place.empty()
    trace, layer, head = done.trace, look.selection.layer, look.selection.head
    st.plotly_chart(
        _framed(every, look), key=SHARED + "grid", theme=None, config={"displayModeBar": False},
        alt=t("figure.alt_grid", layers=trace.n_layers, heads=trace.n_heads, layer=layer, head=head),
    )  # fmt: skip


def _framed(figure: Figure, look: Look) -> Figure:
    """A copy of the grid with a frame around the open head's tile."""
    from attnviz.figures.paint.palette import theme

    made = deepcopy(figure)
    tiles = made.data[1]
    places = [tuple(place) for place in tiles.customdata]
    opened = (look.selection.layer, look.selection.head)
    if opened not in places:
        return made
    number = places.index(opened)
    x, y = tiles.x[number], tiles.y[number]
    wide, high = (_pitch(values) for values in (tiles.x, tiles.y))
    wide, high = (
        wide or abs(made.layout.xaxis.range[1] - made.layout.xaxis.range[0]),
        high or abs(made.layout.yaxis.range[1] - made.layout.yaxis.range[0]),
    )
    made.add_shape(
        type="rect", x0=x - wide / 2, x1=x + wide / 2, y0=y - high / 2, y1=y + high / 2,
        line={"color": theme(look.style).accent, "width": 2.5},
    )  # fmt: skip
    return made


def _pitch(values: tuple[float, ...]) -> float:
    """How far one tile is from the next; 0 where there is but one."""
    found = sorted(set(values))
    return found[1] - found[0] if len(found) > 1 else 0.0


def draw_map(done: Done, look: Look, place: Place) -> None:
    """The overview, or the window token for token; dragging, clicking and keys are heard (`long_map.js`)."""
    query, key = int(long.choice_of("query")), int(long.choice_of("key"))
    if place.now is None or place.now.pooled:
        with st.spinner(t("long.drawing_map")):
            figure = deepcopy(overview_of(done.what, look, SIZE, HEIGHT, place.now, done.trace))
        side = str(long.choice_of("follow") or "query")
        figure.add_shape(**_line_of(side, query if side == "query" else key, look))
    else:
        figure = window_of(done.what, look, place.now, (query, key), done.trace)
    with st.container(key=FRAME):  # which stays when the chart is replaced, and keeps the keyboard
        st.plotly_chart(figure, key=MAP, theme=None, config=bar(), alt=_map_words(done, look, place.now))


def _map_words(done: Done, look: Look, now: Window | None) -> str:
    """The map in a sentence."""
    said = {"layer": look.selection.layer, "head": look.selection.head}
    if now is None:
        return t("long.alt_overview", **said, tokens=done.tokens, how=t(f"long.how_{look.how}"))
    words = t("long.alt_window", **said, q0=now.q0, q1=now.q1 - 1, k0=now.k0, k1=now.k1 - 1)
    return f"{words} {_pooled_words(look, now)}" if now.pooled else words


def _pooled_words(look: Look, now: Window) -> str:
    """How many pairs a cell of a large window stands for."""
    high, wide = (-(-len(side) // SIZE) for side in (now.queries, now.keys))
    return t("long.pooled", how=t(f"long.how_{look.how}"), pairs=f"{high} × {wide}")


def draw_small(done: Done, look: Look, place: Place) -> None:
    """The minimap: the whole head, small, and where in it the window lies."""
    with st.spinner(t("long.drawing_map")):
        figure = deepcopy(overview_of(done.what, look, SMALL_SIZE, SMALL_HEIGHT, None, done.trace))
    bare = {"title": None, "showticklabels": False, "ticks": ""}
    figure.update_layout(margin={"l": 4, "r": 4, "t": 4, "b": 4}, xaxis=bare, yaxis=bare)
    figure.update_traces(hoverinfo="skip", hovertemplate=None, selector={"type": "heatmap"})
    if place.now is not None:
        figure.add_shape(**_box_of(place.now, look))
    draw(figure, SMALL, t("long.alt_small"))


def _box_of(now: Window, look: Look) -> dict[str, object]:
    """The frame of a window on axes that count tokens."""
    from attnviz.figures.paint.palette import theme

    return {
        "type": "rect", "x0": now.k0 - 0.5, "x1": now.k1 - 0.5, "y0": now.q0 - 0.5, "y1": now.q1 - 0.5,
        "line": {"color": theme(look.style).accent, "width": 2.5},
    }  # fmt: skip


def _line_of(side: str, token: int, look: Look) -> dict[str, object]:
    """The row or the column that is followed, as a fine line across the overview."""
    from attnviz.figures.paint.palette import theme

    along, across = ("y", "x") if side == "query" else ("x", "y")
    return {
        "type": "line", f"{along}0": token, f"{along}1": token, f"{across}0": 0, f"{across}1": 1,
        f"{across}ref": "paper", "line": {"color": theme(look.style).accent, "width": 1, "dash": "dot"},
    }  # fmt: skip


def steps(count: int, place: Place, right_to_left: bool) -> None:
    """A button for each step on the map, whose keys may run from right to left."""
    here = place.now
    with st.container(horizontal=True, gap="xsmall"):
        for move in MOVES:
            off = (here is None and move not in ("in", "back")) or (move == "back" and not place.before)
            st.button(
                SIGNS.get(move) or t(f"long.{move}_button"), key=KEY + move, help=t(f"long.{move}"), disabled=off,
                on_click=long.step, args=(along(move, right_to_left), count),
            )  # fmt: skip


@cache  # one component with its script: at most 20 kB
def _listener():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_long_map", html="<span></span>", js=asset("pages/long/map.js"))


def listen(count: int, right_to_left: bool) -> None:
    """Hear what is done on the map: a box drawn, a place clicked, a key pressed. Keys may run from right to left."""
    _listener()(
        key=KEY + "heard",
        data={"chart": css_class(FRAME), "label": t("long.map_label"), "count": count},
        on_box_change=partial(_hear_box, count),
        on_point_change=partial(_hear_point, count),
        on_move_change=partial(_hear_move, count, right_to_left),
    )  # fmt: skip
    listen_to_clicks(KEY, {"head": SHARED + "grid"}, on_head_change=_hear_head)


def _heard(name: str) -> list[float] | str | None:
    found: list[float] | str | None = st.session_state[KEY + "heard"][name]
    return found


def _hear_box(count: int) -> None:
    if drawn := _heard("box"):
        q0, q1, k0, k1 = (float(number) for number in drawn)
        long.box((q0, q1, k0, k1), count)


def _hear_point(count: int) -> None:
    if found := _heard("point"):
        query, key = (max(0, min(count - 1, int(float(number)))) for number in found)
        long.point(query, key, count)


def _hear_move(count: int, right_to_left: bool) -> None:
    move = _heard("move")
    if move in MOVES:
        long.step(along(str(move), right_to_left), count)


def _hear_head() -> None:
    if found := clicked(KEY, "head"):
        st.session_state[SHARED + "layer"], st.session_state[SHARED + "head"] = found


def draw_line(done: Done, look: Look, side: str, token: int) -> None:
    """One query over all keys, or one key over all queries, as a line."""
    from attnviz.figures.overview import column_line, row_line

    line = row_line if side == "query" else column_line
    selection = replace(look.selection, query=token, key=token)
    figure = line(done.trace, selection, replace(look.style, height=LINE_HEIGHT))
    draw(figure, LINE, t(f"long.alt_line_{side}", token=done.trace.encoded.labels[token], number=token))


@cache  # one component with its script: at most 20 kB
def _text():  # type: ignore[no-untyped-def]
    return st.components.v2.component(
        "attnviz_long_text",
        html='<div class="long"></div>',
        css=asset("pages/long/text.css"),
        js=asset("pages/long/text.js"),
    )


def draw_text(done: Done, look: Look, side: str, token: int, hits: list[Hit]) -> None:
    """The text itself, coloured by one token's weights; only the lines in sight are in the page."""
    trace = done.trace
    weights = weights_of(done.what, look, side, token, trace).nan_to_num(0.0)
    top = float(weights.max())
    _text()(
        key=KEY + "words",
        data={
            "labels": "\n".join(label.replace("\n", "↵") for label in trace.tokens),
            "special": [number for number, special in enumerate(trace.special) if special],
            "weights": _bytes(weights / top if top > 0 else weights),
            "top": top, "picked": token, "follow": side, "hits": hits[:MOST_HITS],
            "rightToLeft": trace.queries.right_to_left,
            "words": {
                "label": t("long.text_label"), "look": t("long.text_look", **OPEN),
                "picked": t(f"long.text_picked_{side}", **OPEN),
            },
        },
        on_picked_change=partial(_pick, side),
    )  # fmt: skip


def _bytes(shares: Tensor) -> str:
    """Shares 0 to 1 as base64 of one byte each."""
    return base64.b64encode((shares.clamp(0, 1) * 255).round().byte().numpy().tobytes()).decode()


def _pick(side: str) -> None:
    """A token of the text was clicked: it is followed."""
    picked = st.session_state[KEY + "words"].picked
    if picked is not None:
        st.session_state[KEY + side] = int(picked)


def say_where(done: Done, look: Look, place: Place) -> None:
    """Which part of the map is shown and how, and the exact weight of the pair that is followed."""
    if place.now is None:
        st.caption(t("long.where_overview", tokens=f"{done.tokens:,}"))
        return
    now, (query, key) = place.now, (int(long.choice_of("query")), int(long.choice_of("key")))
    said = [t("long.where_window", q0=now.q0, q1=now.q1 - 1, k0=now.k0, k1=now.k1 - 1)]
    said.append(_pooled_words(look, now) if now.pooled else t("long.one_by_one"))
    weight = float(weights_of(done.what, look, "query", query, done.trace)[key])
    names = {name: plain(done.trace.encoded.labels[number]) for name, number in (("first", query), ("second", key))}
    if weight == weight:
        said.append(t("long.pair", query=query, key=key, weight=f"{weight:.6f}", **names))
    else:
        said.append(t("long.pair_not", query=query, key=key, **names))
    st.caption(" ".join(said))


def take(done: Done, look: Look, place: Place) -> None:
    """The picture, and the weights of the window; of the overview the picture alone, and why."""
    trace, now = done.trace, place.now
    name = file_name(trace, look.selection)
    with st.popover(t("take_title"), icon=":material/download:", width="stretch"):
        take_picture(MAP, name, KEY)
        if now is not None and len(now.queries) * len(now.keys) <= export.MOST_PAIRS:
            for kind, make in (("csv", export.as_csv), ("npz", export.as_npz)):
                made = partial(make, trace, look.selection, now)
                offer_file(kind, f"{name}-{now.q0}-{now.k0}", made, KEY, t(f"long.take_{kind}"))
        whole = len(trace.open_layers) * trace.n_heads * len(trace.tokens) * len(trace.key_tokens) * 4
        st.caption(t("long.take_only", size=amount(whole)))
        if address.left_out():
            st.caption(t("text_left_out"))
