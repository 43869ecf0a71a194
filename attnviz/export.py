"""Take a trace away: a table, arrays, or a page that opens without a network. Nothing is sent anywhere.

    import attnviz as av
    trace = av.record(av.load("lab-4"), "南京市长江大桥")
    Path("page.html").write_bytes(av.export.html(trace, layer=1, head=2))

All three hand back bytes. To keep a trace and open it again, `Trace.save` and `load_trace`.
"""

from __future__ import annotations

import base64
import csv as tables
import html as markup
import io
import json
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from attnviz.messages import say
from attnviz.selection import Scale, Selection, Style
from attnviz.text.turns import role_name
from attnviz.trace import Gap

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.core.rules import Rule
    from attnviz.figures.choose import Side
    from attnviz.trace import Trace

__all__ = ["csv", "html", "npz"]


def csv(trace: Trace, *, layer: int, head: int, rule: Rule | None = None) -> bytes:
    """One head as a table, a row for each pair: positions, tokens, score, weight. UTF-8 with a mark for Excel.

    Of a chat, two columns more say whose the tokens are. Rows of a query sum to less than 1 where a sink takes the
    rest. Raises `AttnvizError` for a layer or head that is
    not there, and for a layer without attention.
    """
    weights, scores = trace.weights(layer, head, rule), trace.scores(layer, head)
    out = io.StringIO()
    table = tables.writer(out)
    rows, columns = trace.queries.roles, trace.keys.roles
    whose = ["query_role", "key_role"] if rows or columns else []
    table.writerow(["layer", "head", "query", "query_token", "key", "key_token", "score", "weight", *whose])
    for query, query_token in enumerate(trace.tokens):
        for key, key_token in enumerate(trace.key_tokens):
            numbers = (f"{scores[query, key]:.6g}", f"{weights[query, key]:.6g}")
            roles = [(of[place] or "") if of else "" for of, place in ((rows, query), (columns, key))] if whose else []
            table.writerow([layer, head, query, query_token, key, key_token, *numbers, *roles])
    return out.getvalue().encode("utf-8-sig")


def npz(trace: Trace, *, rule: Rule | None = None, language: str = "en") -> bytes:
    """All weights `[layer, head, query, key]` float32, with the tokens, the text, the model and the rule.

    `tokens` name the queries, `key_tokens` the keys; `roles` and `key_roles` say whose they are in a chat. NaN where a
    layer has no such head; `gaps` `[layer]` says why a layer has none at all ("" where it has).
    """
    import numpy as np

    shape = (trace.n_layers, trace.n_heads, len(trace.tokens), len(trace.key_tokens))
    weights = np.full(shape, np.nan, dtype=np.float32)
    for layer in trace.open_layers:
        found = trace.weights(layer, rule=rule).numpy()
        weights[layer, : len(found)] = found
    gaps = [
        say(f"gap.{layer.reason}", language, kind=layer.kind) if isinstance(layer, Gap) else ""
        for layer in trace.layers
    ]
    out = io.BytesIO()
    np.savez_compressed(
        out,
        weights=weights, tokens=np.array(trace.tokens), key_tokens=np.array(trace.key_tokens), gaps=np.array(gaps),
        roles=np.array([role or "" for role in trace.queries.roles], dtype=str),
        key_roles=np.array([role or "" for role in trace.keys.roles], dtype=str),
        part=np.array(trace.part), text=np.array(trace.text), model=np.array(trace.model),
        rule=np.array(repr(rule or trace.rule)),
    )  # fmt: skip
    return out.getvalue()


def html(
    trace: Trace, *, layer: int, head: int, query: int = 0, rule: Rule | None = None, scale: Scale = "unit",
    specials: bool = True, by: str = "token", language: str = "en",
) -> bytes:  # fmt: skip
    """One file that opens without a network: the text to point at, the head and all heads, Plotly's code inside."""
    return page(
        trace, Selection(layer, head, query, rule=rule, specials=specials, by=by), Style(scale, False, language)
    )


def page(trace: Trace, selection: Selection, style: Style) -> bytes:
    """`html` of what is chosen, in that style; always on light and of its own height, with no pair framed."""
    selection, style = replace(selection, key=None), replace(style, dark=False, height=None)
    data = json.dumps(reader_data(trace, selection, style.language), ensure_ascii=False)
    title = markup.escape(trace.keys.text[:80] or trace.model)
    name = say("ui.heatmap_title", style.language, layer=selection.layer, head=selection.head)
    facts = markup.escape(f"{name} · {trace.model} · {selection.rule or trace.rule}")
    drawn = "".join(_drawn(trace, selection, style))
    page = f"""<!doctype html><html lang="{style.language}"><meta charset="utf-8"><title>{title} · attnviz</title>
<style>body {{ font-family: sans-serif; max-width: 1000px; margin: 24px auto; padding: 0 16px; background: #fff; }}
{asset("reader.css")}</style><h1 dir="auto">{title}</h1><p>{facts}</p><div class="reader"></div>{drawn}
<script type="application/json" id="data">{data.replace("<", chr(92) + "u003c")}</script>
<script type="module">{_script()}</script></html>"""
    return page.encode("utf-8")


def _drawn(trace: Trace, selection: Selection, style: Style) -> list[str]:
    """The head and all heads as HTML; Plotly's code comes with the first."""
    from attnviz.figures import choose
    from attnviz.figures.grid import mosaic, paint_mosaic
    from attnviz.figures.heatmap import paint_head
    from attnviz.figures.paint.camera import camera

    big = paint_head(choose.head(trace, selection), style)
    every = mosaic(trace, selection, style.scale)
    small = paint_mosaic(every, style, (selection.layer, selection.head))
    config = camera(style.language)
    return [
        figure.to_html(full_html=False, include_plotlyjs=first, config=config)
        for figure, first in ((big, True), (small, False))
    ]


def reader_data(trace: Trace, selection: Selection, language: str = "en", *, blanks: bool = False) -> dict[str, object]:
    """What the reader in the browser (`assets/reader.js`) needs: labels, and three maps `[query, key]` of one byte a
    weight.

    A crossed map has two lines, the queries' and the `keys`'; else `keys` is None. The mean over all heads is that of
    the layers that have attention. By character or word each label is a unit's, each weight its map's, and `tokens` has
    its first token. `texts` say which of two texts each is of, [] where there is but one; `roles` who says it in a
    chat. `border` is the first that the model wrote; `blanks` whether one may be made, `alone` of which: a unit of
    several tokens cannot be blanked.
    """
    from attnviz.figures import choose

    queries, keys = shown = choose.sides(trace, replace(selection, specials=True, block=None))
    layers = {number: trace.weights(number, rule=selection.rule).mean(0) for number in trace.open_layers}
    maps = {
        "head": trace.weights(selection.layer, selection.head, selection.rule),
        "layer": layers[selection.layer],
        "all": _mean(list(layers.values())),
    }
    first = trace.border
    return {
        **_line(queries),
        "roleNames": {role: role_name(role, language) for role in {*trace.queries.roles, *trace.keys.roles} if role},
        "alone": [len(places) == 1 for places in queries.units.places],
        "keys": _line(keys) if trace.crossed else None,
        "border": None if trace.crossed or first is None else sum(token < first for token in queries.tokens),
        "maps": {name: _bytes(choose.by_unit(weights, shown)) for name, weights in maps.items()},
        "picked": queries.place_of(selection.query),
        "blank": None if trace.blank is None else queries.place_of(trace.blank),
        "blanks": blanks and not trace.crossed,
        "words": _words(language),
    }


def _line(side: Side) -> dict[str, object]:
    """One line of the reader."""
    return {
        "labels": side.labels, "tokens": side.tokens, "special": list(side.units.special), "texts": list(side.texts),
        "roles": list(side.roles), "rightToLeft": side.right_to_left,
    }  # fmt: skip


@cache
def asset(name: str) -> str:
    """One of the browser files that the engine and the app share."""
    return files("attnviz").joinpath("assets", name).read_text(encoding="utf-8")


def _script() -> str:
    """The reader's code, and the call that starts it where no Streamlit does."""
    return asset("reader.js").replace("export default function", "function mount") + (
        "\nmount({parentElement: document, data: JSON.parse(document.getElementById('data').textContent),"
        " setStateValue() {}, setTriggerValue() {}});"
    )


def _words(language: str) -> dict[str, str]:
    """What stands around the tokens, in the reader's language."""
    named = {
        name: say(f"ui.reader_{name}", language, token="{token}") for name in ("blank", "look", "asked", "several")
    }
    around = ("head", "layer", "all", "lines", "lines_help", "help", "tap", "queries", "keys", "answer")
    plain = {name: say(f"ui.reader_{name}", language) for name in around}
    return named | plain | {"label": say("ui.alt_reader", language)}


def _mean(maps: list[Tensor]) -> Tensor:
    """The mean of some maps."""
    return sum(maps[1:], start=maps[0]) / len(maps)


def _bytes(weights: Tensor) -> str:
    """Weights 0 to 1 as base64 of one byte each."""
    return base64.b64encode((weights.clamp(0, 1) * 255).round().byte().numpy().tobytes()).decode()
