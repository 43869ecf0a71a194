"""`show`: a run as an interactive page, in a notebook's cell or in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attnviz.core.rules import Rule
from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES, say
from attnviz.notebook.kept import Wish
from attnviz.notebook.page import Look, Page, Start, page
from attnviz.selection import SCALES
from attnviz.trace import Trace

MANY = 64  # places; of longer texts hardly any weight could be seen on the plain scale
AT_ONCE = 200_000_000  # weights; a run of more is drawn when it is asked for, not because a cell ends with it


def show(
    trace: Trace,
    *,
    layer: int | None = None,
    head: int | None = None,
    heads: Iterable[int] | None = None,
    query: int | None = None,
    part: str | None = None,
    rule: Rule | None = None,
    scale: str | None = None,
    view: str = "head",
    split: int | None = None,
    language: str | None = None,
    theme: str = "auto",
    height: int = 820,
    path: str | Path | None = None,
) -> Page:
    """Look at a run: all layers and heads, one head as a heatmap, its tokens, and arcs between them, in one page.

    The page needs no network and nothing beside it; in a cell it takes at most a megabyte. Where the weights do not fit
    (some 60 tokens in 12 layers of 12 heads) the head that it opens with is whole, and of the others the strongest
    weights of each row, over means of what is left; the page says so.

    It opens with `layer` and `head` (the first that there are), arcs of `heads` of that layer, and the token `query`
    pointed at; of an encoder-decoder `part` is the map. `rule` re-weights the run. `scale` is "unit", "row" or "log",
    `view` "head" or "grid" (larger tiles), `split` the first token of the second of two sentences (where `record`
    read a `pair`, it need not be given). `language` is "zh", "en" or the browser's, `theme` "light", "dark" or "auto":
    as the notebook is; `height` the most pixels that it takes in a cell. With `path` the page is written there too.
    Raises `AttnvizError` for what the run does not have, and for another choice than these.
    """
    _check_choice("scale", scale or "unit", SCALES)
    _check_choice("view", view, ("head", "grid"))
    _check_choice("language", language or "en", LANGUAGES)
    _check_choice("theme", theme, ("auto", "light", "dark"))
    start = _start(trace.map(part or trace.part), layer, head, heads, query)
    long = max(max(len(one.queries), len(one.keys)) for one in map(trace.map, trace.parts)) > MANY
    start = Start(start.map, start.layer, start.head, start.heads, query, scale or ("log" if long else "unit"), view)
    made = page(trace, rule, start, Look(language, theme, height, _second(trace) if split is None else split))
    if path is not None:
        made.save(path)
    return made


def cell(trace: Trace) -> str | None:
    """A run as the last line of a cell; None where plain text is all there is to show."""
    if not any(trace.map(part).open_layers for part in trace.parts):
        return None
    if Wish(trace, None, (trace.part, 0, 0), 0).cells > AT_ONCE:
        said = "".join(f"<p>{say('notebook.long', language)}</p>" for language in LANGUAGES)
        return f"<pre>{_plain(repr(trace))}</pre>{said}"
    return show(trace)._repr_html_()


def _second(trace: Trace) -> int | None:
    """The first token of the second of two texts that were read as one; None where there is but one."""
    segments = trace.queries.segments
    return segments.index(1) if 1 in segments else None


def _start(trace: Trace, layer: int | None, head: int | None, heads: Iterable[int] | None, query: int | None) -> Start:
    """The head that a page opens with: the one asked for, or the first. Raises `AttnvizError` for one not there."""
    if layer is None:
        if not trace.open_layers:
            raise AttnvizError("nothing_to_show", part=trace.part)
        layer = trace.open_layers[0]
    several = tuple(dict.fromkeys(heads)) if heads is not None else ()
    head = head if head is not None else several[0] if several else 0
    for one in (head, *several):
        trace.attention(layer, one)  # raises
    if query is not None and not 0 <= query < len(trace.queries):
        raise AttnvizError("no_such_query", number=query, last=len(trace.queries) - 1)
    return Start(trace.part, layer, head, several or (head,))


def _check_choice(what: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a word that is none of those there are."""
    if value not in choices:
        raise AttnvizError("no_such_choice", what=what, value=repr(value), choices=", ".join(map(repr, choices)))


def _plain(text: str) -> str:
    """Text as HTML."""
    from html import escape

    return escape(text)
