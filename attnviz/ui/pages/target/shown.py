"""What the page of target attention shows: where a question or a word looks in another text, compared in five ways."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import (
    CHART_HEIGHT,
    Selection,
    after_the_score,
    bold,
    chance,
    draw,
    draw_heatmap,
    place_in_row,
    plain,
    rule_now,
    short,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.target.choices import KEY, NAME, SIMILARITIES, looked, now, scale_now, system

if TYPE_CHECKING:
    from attnviz.core.attention import Attention
    from attnviz.trace import Trace

WAYS = ("en-zh", "zh-en", "en-en", "zh-zh")
AROUND, ROW = 130, 34  # pixels of the map beside its rows, and of a row
LINE = "font-size:1.35rem;line-height:2;white-space:pre-wrap;overflow-wrap:anywhere"


def draw_text(trace: Trace, query: int) -> None:
    """The text, each token on the colour of the weight that the chosen query gives it."""
    from attnviz.figures.strips import fills

    weights = trace.weights(0, 0)[query]
    coloured = fills(weights, style_now(scale_now()))
    read = trace.looked_at
    assert read is not None
    pieces, at = [], 0
    for span, (fill, ink), weight in zip(read.spans, coloured, weights.tolist(), strict=True):
        if span is None or span[0] < at:
            continue
        pieces.append(html.escape(read.text[at : span[0]]))
        style = f"background:{fill};color:{ink};border-radius:3px;padding:0.1em 0.05em"
        pieces.append(f"<span style='{style}' title='{weight:.4f}'>{html.escape(read.text[slice(*span)])}</span>")
        at = span[1]
    said = html.escape(t("target.looks", query=trace.tokens[query]))
    body = "".join(pieces) + html.escape(read.text[at : read.cut])
    st.html(f"<div style='font-size:0.85rem;opacity:0.75'>{said}</div><div dir='auto' style='{LINE}'>{body}</div>")


def show_cuts(trace: Trace) -> None:
    """Say how far a target or a text that was too long has been read."""
    for what, read in (("target", trace.encoded), ("text", trace.looked_at)):
        if read is not None and read.cut is not None:
            st.warning(
                t(f"target.cut_{what}", read=read.cut, characters=len(read.text)), icon=":material/content_cut:"
            )  # fmt: skip


def draw_map(trace: Trace, query: int, key: int) -> None:
    """All queries and keys."""
    selection = Selection(query=query, key=key)
    style = style_now(scale_now(), min(CHART_HEIGHT, AROUND + ROW * len(trace.tokens)))
    weights = trace.weights(0, 0)
    row, column = divmod(int(weights.argmax()), weights.shape[-1])
    names = {"query": trace.tokens[row], "key": trace.key_tokens[column]}
    alt = t("target.alt_map", queries=len(weights), keys=weights.shape[-1], weight=f"{weights.max():.2f}", **names)
    draw_heatmap(trace, selection, style, key=KEY + "map", alt=alt)
    take_away(trace, selection, style, chart=KEY + "map")


def show_formula(trace: Trace, query: int, key: int) -> None:
    """The formula of the chosen similarity with the numbers of the chosen pair, down to the weight."""
    cell, name = trace.cell(0, 0, query, key), now("similarity")
    said = t(
        "why_say", query=plain(cell.query_label), key=plain(cell.key_label), weight=f"{cell.weight:.4f}",
        place=place_in_row(cell),
    )  # fmt: skip
    numbers = {"product": short(cell.product), "score": short(cell.score), "scale": short(cell.scale)}
    terms = _terms(trace.attention(0, 0), name, query, key)
    st.markdown("\n\n".join([said, t(f"target.formula_{name}", **numbers, **terms)]))
    st.markdown("\n\n".join(after_the_score(cell)))


def _terms(found: Attention, name: str, query: int, key: int) -> dict[str, str]:
    """The numbers that stand in the formula of a similarity: the first two terms of its sum, lengths, width."""
    looks, looked_at = found.queries[query], found.keys[key]
    look = system().looks[name]
    if name == "cosine":
        lengths = {"query": short(float(looks.norm())), "key": short(float(looked_at.norm()))}
        return {"dot": short(float(looks @ looked_at)), **lengths}
    if name == "additive":
        inner = look.query_weight @ looks + look.key_weight @ looked_at
        pairs = zip(look.vector[:2].tolist(), inner[:2].tolist(), strict=True)
        return {"terms": "+".join(rf"({short(v)})\tanh({short(x)})" for v, x in pairs)}
    if name == "general":
        looks = looks @ look.weight
    pairs = zip(looks[:2].tolist(), looked_at[:2].tolist(), strict=True)
    return {"terms": "+".join(f"({short(q)})({short(k)})" for q, k in pairs), "width": str(len(looked_at))}


def show_output(trace: Trace, query: int) -> None:
    """The vector that the query takes away, and the words nearest to it."""
    from attnviz.figures.strips import Strip, strips

    output = trace.outputs[query]
    draw(
        strips([Strip("o", output)], style_now()), KEY + "output", t("target.alt_output")
    )  # fmt: skip
    st.caption(t("target.output_says", width=len(output)))
    rows = []
    for name in ("en", "zh"):
        found = system().nearest(output, similarity=now("similarity"), language=name)
        said = " · ".join(f"{plain(word)} {cosine:.2f}" for word, cosine in found)
        rows.append([t(f"target.nearest_{name}"), said or t("target.nothing")])
    st.markdown(table([t("target.nearest"), t("target.nearest_cosine")], rows))


def show_comparison(query: int) -> None:
    """All five similarities on the same pair of texts: the key with the most weight, and how spread out the row is."""
    from attnviz.measures.entropy import entropy

    rows = []
    for name in SIMILARITIES:
        trace = looked(now("target"), now("text"), name, rule_now())
        weights = trace.weights(0, 0)[query]
        best = [int(place) for place in weights.argsort(descending=True, stable=True)[:3]]
        top = " · ".join(f"{plain(trace.key_tokens[place])} {chance(float(weights[place]))}" for place in best)
        words = system().nearest(trace.outputs[query], similarity=name, top=1)
        cells = [t(f"target.{name}"), top, f"{entropy(weights):.3f}", plain(words[0][0]) if words else "–"]
        rows.append(bold(cells, name == now("similarity")))
    even = math.log2(len(trace.key_tokens))
    st.markdown(f"**{t('target.comparison')}**")
    heads = [t(f"target.col_{name}") for name in ("similarity", "top", "entropy", "word")]
    st.markdown(table(heads, rows))
    st.caption(t("target.comparison_note", even=f"{even:.3f}"))


@st.cache_data(max_entries=1, show_spinner=False)  # a table of figures: 5 kB
def figures() -> dict[str, dict[str, float]]:
    """The held-out figures that stand beside the weights."""
    return shipped.figures(NAME)


def show_held_out() -> None:
    """How well each similarity does on sentences that it has never seen."""
    rows = []
    for name in SIMILARITIES:
        found = figures()[name]
        numbers = [f"{found[f'{figure}_{way}']:.3f}" for figure in ("share", "mean_top") for way in WAYS[:2]]
        cells = [
            t(f"target.{name}"),
            *numbers,
            f"{found['entropy_en-zh'] / math.log(2):.2f}",
            f"{found['word_en-zh']:.3f}",
        ]
        rows.append(bold(cells, name == now("similarity")))
    st.markdown(f"**{t('target.held_out')}**")
    columns = ("similarity", "share_en", "share_zh", "mean_en", "mean_zh", "entropy", "word_right")
    st.markdown(table([t(f"target.col_{name}") for name in columns], rows, "---:"))
    st.caption(t("target.held_out_note"))
