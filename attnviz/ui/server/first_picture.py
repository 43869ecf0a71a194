"""The first picture: the heatmap that a link asks for, inside the page itself, until the app behind it has loaded.

A browser needs seconds for Streamlit's and Plotly's scripts; a picture that comes with the page needs none of them. It
is drawn from the same run as the page's own heatmap, and goes away when that one stands.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from attnviz.errors import AttnvizError
from attnviz.figures import choose
from attnviz.figures.choose import Head
from attnviz.figures.paint.between import mixed
from attnviz.figures.paint.labels import widest
from attnviz.figures.paint.palette import shade, theme
from attnviz.messages import LANGUAGES, say
from attnviz.selection import Selection, Style
from attnviz.ui import registry
from attnviz.ui.kit import SHARED, SOFT, Value, asset, css_class, of_locale, runs
from attnviz.ui.server.first_lesson import drawn_lesson

KNOWN = ("lang", "text", "model", "layer", "head", "query", "key")  # a link that names more is left to the page
LONGEST = 120  # characters; a longer text has more cells than a first glance needs
MOST_TOKENS = 40
SIZE, TICK = 360, 13  # pixels of the cells' square, and of its labels
PICTURE = f".{css_class(SHARED + 'heatmap')} .hm image"  # the page's own heatmap


@dataclass(frozen=True)
class PictureRequest:
    """What a link asks for."""

    language: str
    text: str
    model: str
    layer: int
    head: int


def asked(query: Mapping[str, str], accepted: str) -> PictureRequest | None:
    """Which picture does a link ask for? None for one that this module leaves to the page.

    `query` are the link's values by their short names, `accepted` the browser's Accept-Language.
    """
    by_name = {param.name: param for name, param in registry.home().params.items() if name in KNOWN}
    if not set(query) <= set(by_name):
        return None
    said: dict[str, Value] = {name: param.default for name, param in by_name.items()}
    try:
        said |= {name: by_name[name].read(value) for name, value in query.items()}
    except ValueError:
        return None
    chosen = said["lang"] or of_locale(accepted)
    text = str(said["text"])
    if chosen not in LANGUAGES or not text.strip() or len(text) > LONGEST:
        return None
    return PictureRequest(str(chosen), text, str(said["model"]), int(said["layer"] or 0), int(said["head"] or 0))


@lru_cache(maxsize=64)  # two drawings of 40 x 40 cells of 80 bytes: at most 0.3 MB an entry
def drawn(request: PictureRequest) -> str:
    """The picture as HTML to stand at the end of the page's body; empty where there is nothing to draw."""
    try:
        trace = runs.trace(request.model, request.text, SOFT)
    except AttnvizError:
        return ""  # the page says it in a sentence
    if len(trace.tokens) > MOST_TOKENS:
        return ""
    layer, head = min(request.layer, trace.n_layers - 1), min(request.head, trace.n_heads - 1)
    shown = choose.head(trace, Selection(layer, head))
    label = say("ui.first_picture", request.language, model=trace.model, layer=layer, head=head)
    pictures = "".join(
        f"<div class='attnviz-{name}'>{_svg(shown, Style(dark=dark), label)}</div>"
        for name, dark in (("light", False), ("dark", True))
    )
    script = asset("server/first_picture.js").replace("PICTURE", PICTURE)
    waiting = html.escape(say("ui.first_waiting", request.language))
    return (
        f"<style>{asset('server/first_picture.css')}</style>"
        f"<div id='attnviz-first' lang='{request.language}'><p>{html.escape(label)}</p>"
        f"{pictures}<p class='attnviz-waiting'>{waiting}</p></div><script>{script}</script>"
    )


def _svg(shown: Head, style: Style, label: str) -> str:
    """One head's weights as a drawing: queries down, keys across."""
    chosen, weights, labels = theme(style), shown.weights.nan_to_num(0.0), shown.queries.labels
    shades, cell = shade(weights, style.scale).tolist(), SIZE / len(weights)
    left = widest(labels, TICK) + 8
    cells = "".join(
        f"<rect x='{column * cell:.1f}' y='{row * cell:.1f}' width='{cell - 1:.1f}' height='{cell - 1:.1f}' "
        f"fill='{mixed(chosen.ramp, value)}'/>"
        for row, values in enumerate(shades)
        for column, value in enumerate(values)
    )
    names = [(html.escape(token), (number + 0.5) * cell) for number, token in enumerate(labels)]
    rows = "".join(f"<text x='-6' y='{at:.1f}' text-anchor='end' dy='.35em'>{name}</text>" for name, at in names)
    turn = "rotate(-60)" if max(map(len, labels)) > 2 else ""
    anchor = "end" if turn else "middle"
    columns = "".join(
        f"<text transform='translate({at:.1f},{SIZE + 12}) {turn}' text-anchor='{anchor}' dy='.35em'>{name}</text>"
        for name, at in names
    )
    side = round(SIZE + left)
    return (
        f"<svg role='img' aria-label='{html.escape(label, quote=True)}' width='{side}' viewBox='0 0 {side} {side}' "
        f"font-size='{TICK}' fill='{chosen.text}'><g transform='translate({left:.0f},0)'>{cells}{rows}{columns}</g>"
        "</svg>"
    )


def draw_first() -> None:
    """The first visitor's run, which is kept for the page, and its figures, which are thrown away.

    Raises `ModelError` where the weights of the first page are damaged.
    """
    from attnviz.figures import grid, heatmap

    start = registry.home().params
    trace = runs.trace(str(start["model"].default), str(start["text"].default), SOFT)
    grid(trace)
    heatmap(trace, layer=0, head=0)
    for language in LANGUAGES:
        request = asked({}, language)
        assert request is not None
        drawn(request)  # kept: what most visitors see first
        drawn_lesson(language)
