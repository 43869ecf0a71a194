"""Take a picture or the weights away: files made when asked for, nothing sent anywhere."""

from __future__ import annotations

import csv
import html
import io
import json
from typing import TYPE_CHECKING

from attnviz.ui.kit.languages import language, t

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.figures import Scale
    from attnviz.text.units import Unit
    from attnviz.trace import Trace


def as_csv(trace: Trace, rule: Rule | None, layer: int, head: int) -> bytes:
    """One head as a table, a row for each pair: positions, tokens, score, weight. UTF-8 with a mark for Excel.

    Rows of a query sum to less than 1 where a sink takes the rest.
    """
    weights, scores = trace.weights(layer, head, rule), trace.scores(layer, head)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["layer", "head", "query", "query_token", "key", "key_token", "score", "weight"])
    for query, query_token in enumerate(trace.tokens):
        for key, key_token in enumerate(trace.key_tokens):
            numbers = (f"{scores[query, key]:.6g}", f"{weights[query, key]:.6g}")
            table.writerow([layer, head, query, query_token, key, key_token, *numbers])
    return out.getvalue().encode("utf-8-sig")


def as_npz(trace: Trace, rule: Rule | None) -> bytes:
    """All weights `[layer, head, query, key]` float32, with the tokens, the text, the model and the rule.

    `tokens` name the queries, `key_tokens` the keys. NaN where a layer has no such head; `gaps` `[layer]` says why a
    layer has none at all ("" where it has).
    """
    import numpy as np

    from attnviz.trace import Gap

    shape = (trace.n_layers, trace.n_heads, len(trace.tokens), len(trace.key_tokens))
    weights = np.full(shape, np.nan, dtype=np.float32)
    for layer in trace.open_layers:
        found = trace.weights(layer, rule=rule).numpy()
        weights[layer, : len(found)] = found
    gaps = [t(f"gap.{layer.reason}", kind=layer.kind) if isinstance(layer, Gap) else "" for layer in trace.layers]
    out = io.BytesIO()
    np.savez_compressed(
        out,
        weights=weights, tokens=np.array(trace.tokens), key_tokens=np.array(trace.key_tokens), gaps=np.array(gaps),
        part=np.array(trace.part), text=np.array(trace.text), model=np.array(trace.model),
        rule=np.array(repr(rule or trace.rule)),
    )  # fmt: skip
    return out.getvalue()


def as_html(
    trace: Trace, rule: Rule | None, layer: int, head: int, query: int, scale: Scale, specials: bool, by: Unit = "token"
) -> bytes:
    """One file that opens without a network: the text to point at, the head and all heads, Plotly's code inside."""
    from attnviz.figures import grid, heatmap
    from attnviz.ui.kit.reader import asset, reader_data

    words = language()
    big = heatmap(trace, layer=layer, head=head, rule=rule, scale=scale, specials=specials, by=by, language=words)
    small = grid(trace, rule=rule, scale=scale, specials=specials, by=by, selected=(layer, head), language=words)
    config = {"displaylogo": False, "modeBarButtons": [["toImage"]]}
    figures = [
        figure.to_html(full_html=False, include_plotlyjs=first, config=config)
        for figure, first in ((big, True), (small, False))
    ]
    data = json.dumps(reader_data(trace, rule, layer, head, query, blanks=False), ensure_ascii=False)
    script = asset("kit/reader.js").replace("export default function", "function mount") + (
        "\nmount({parentElement: document, data: JSON.parse(document.getElementById('data').textContent),"
        " setStateValue() {}, setTriggerValue() {}});"
    )
    text = trace.text if trace.looked_at is None else trace.looked_at.text
    title = html.escape(text[:80] or trace.model)
    facts = html.escape(f"{t('heatmap_title', layer=layer, head=head)} · {trace.model} · {rule or trace.rule}")
    page = f"""<!doctype html><html lang="{words}"><meta charset="utf-8"><title>{title} · attnviz</title>
<style>body {{ font-family: sans-serif; max-width: 1000px; margin: 24px auto; padding: 0 16px; background: #fff; }}
{asset("kit/reader.css")}</style><h1>{title}</h1><p>{facts}</p><div class="reader"></div>{figures[0]}{figures[1]}
<script type="application/json" id="data">{data.replace("<", chr(92) + "u003c")}</script>
<script type="module">{script}</script></html>"""
    return page.encode("utf-8")
