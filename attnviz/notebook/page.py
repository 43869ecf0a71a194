"""The page of a run, one string that needs nothing else, and how it stands in a notebook's cell."""

from __future__ import annotations

import html as markup
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from attnviz.axes import Axis
from attnviz.core.attention import Attention
from attnviz.core.rules import Rule
from attnviz.errors import AttnvizError
from attnviz.export import asset
from attnviz.messages import LANGUAGES, say, table
from attnviz.notebook.kept import Wish, sent
from attnviz.saved.file import replacing
from attnviz.trace import Gap, Trace

LIMIT = 1_000_000  # bytes of a page in a cell, its code included
LEAST = 200_000  # for the weights, whatever the labels of a very long text take


@dataclass(frozen=True)
class Start:
    """How a page opens. `heads` have arcs; `query` is the token that looks, None for none; `view` "head" or "grid"."""

    map: str
    layer: int
    head: int
    heads: tuple[int, ...]
    query: int | None = None
    scale: str = "unit"
    view: str = "head"


@dataclass(frozen=True)
class Look:
    """In which language (None: the reader's browser's), light or dark ("auto": as around it), how high at most.

    `height` counts in a cell alone; `split` is the first token of the second of two sentences.
    """

    language: str | None = None
    theme: str = "auto"
    height: int = 820
    split: int | None = None


@dataclass(frozen=True, repr=False)
class Page:
    """A page of a run: shown by a notebook where a cell ends with it, or saved. `html` is all of it."""

    html: str
    title: str = ""
    height: int = field(default=820, kw_only=True)

    def save(self, path: str | Path) -> Path:
        """Write the page into a file, which opens in any browser without a network; hand back where it is.

        Raises `AttnvizError` for a file that cannot be written.
        """
        found = Path(path)
        try:
            with replacing(found) as beside:
                beside.write_text(self.html, encoding="utf-8")
        except OSError as reason:
            raise AttnvizError("page_not_written", file=found, reason=reason.strerror or reason) from reason
        return found

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that neither it nor the notebook changes how the other looks."""
        title, onload = markup.escape(self.title), _quoted(asset("notebook_frame.js"))
        return (
            f'<iframe title="{title}" sandbox="allow-scripts" onload="{onload}" '
            f'style="width:100%;height:{self.height}px;border:0" srcdoc="{_quoted(self.html)}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"Page of {self.title}: {len(self.html.encode()) / 1000:.0f} kB; the last line of a cell, or .save(path)"


def page(trace: Trace, rule: Rule | None, start: Start, look: Look) -> Page:
    """Draw up the page of a run under a rule, within `LIMIT` as it stands in a cell."""
    title = " ".join((trace.keys.text or trace.text)[:80].split()) or trace.model or "attnviz"
    facts = {language: _facts(trace, rule, language) for language in LANGUAGES}
    told = {
        **_colours(), "start": asdict(start), "language": look.language, "theme": look.theme, "split": look.split,
        "facts": facts, "words": {language: _words(language) for language in LANGUAGES},
    }  # fmt: skip
    maps = [_map(trace.map(part)) for part in trace.parts]
    shell = _filled(title, {**told, "maps": maps})
    rest = LIMIT - len(Page(shell, title)._repr_html_().encode()) - 500 * len(maps)
    weights = sent(Wish(trace, rule, (start.map, start.layer, start.head), max(LEAST, rest)))
    whole = [{**one, "sent": weights[one["name"]]} for one in maps]
    return Page(_filled(title, {**told, "maps": whole}), title, height=look.height)


def _filled(title: str, told: dict[str, Any]) -> str:
    """The page with its code and data."""
    data = json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    script = asset("notebook_data.js") + asset("notebook.js")
    places = {
        "title": markup.escape(title), "style": asset("notebook.css"), "data": data, "script": script,
        "language": told["language"] or "en",  # the script says otherwise where the browser does
    }  # fmt: skip
    return re.sub(r"\{(title|style|data|script|language)\}", lambda place: places[place[1]], asset("notebook.html"))


def _quoted(text: str) -> str:
    """Text as the value of an attribute in double quotes."""
    return text.replace("&", "&amp;").replace('"', "&quot;")


def _map(trace: Trace) -> dict[str, Any]:
    """One map without its weights: what its sides are called, how many heads each layer has, or why it has none."""
    layers: list[dict[str, Any]] = [
        {"gap": {language: say(f"gap.{layer.reason}", language, kind=layer.kind) for language in LANGUAGES}}
        if isinstance(layer, Gap)
        else {"heads": layer.n_heads}
        for layer in trace.layers
    ]
    named = f"notebook.map_{trace.part}"
    label = {language: table(language).get(named, trace.part) for language in LANGUAGES}
    keys = _side(trace.keys) if trace.crossed else None
    border = None if trace.crossed else trace.border
    return {
        "name": trace.part, "label": label, "queries": _side(trace.queries), "keys": keys, "layers": layers,
        "border": border, "sent": {},
    }  # fmt: skip


def _side(axis: Axis) -> dict[str, Any]:
    """The names of an axis's places, which are none of the thing itself, and whether the line begins on the right."""
    special = [int(one) for one in axis.special]
    return {"labels": list(axis.labels), "special": special, "rightToLeft": axis.right_to_left}


def _facts(trace: Trace, rule: Rule | None, language: str) -> str:
    """What was run: model, rule, sizes."""
    sides = f"{len(trace.queries)} × {len(trace.keys)}" if trace.crossed else f"{len(trace.queries)}"
    size = say("notebook.size", language, places=sides, layers=trace.n_layers, heads=trace.n_heads)
    explained = any(one.explained for one in trace.layers if isinstance(one, Attention))  # else nobody knows the rule
    by = rule or (trace.rule if explained else "")
    return " · ".join(str(part) for part in (trace.model, by, *trace.changes, size) if str(part))


def _words(language: str) -> dict[str, str]:
    """All words of the page by their short names, places in braces unfilled."""
    return {key.removeprefix("notebook."): text for key, text in table(language).items() if key.startswith("notebook.")}


def _colours() -> dict[str, Any]:
    """The colours of all our pictures, on light and on dark."""
    from attnviz.figures.paint.palette import (  # Plotly comes with it, half a second
        DARK,
        LIGHT,
        SERIES_DARK,
        SERIES_LIGHT,
    )

    return {
        "colours": {"light": asdict(LIGHT), "dark": asdict(DARK)},
        "series": {"light": SERIES_LIGHT, "dark": SERIES_DARK},
    }
