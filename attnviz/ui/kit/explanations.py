"""Why a weight is what it is, in words and numbers beside the picture; and how far a text was read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.formulas import alpha_of, short, softmax_formula, sparse_formula
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.markdown import plain, table
from attnviz.ui.kit.rules import rule_title

if TYPE_CHECKING:
    from attnviz.core.attention import Attention
    from attnviz.core.rules import Rule
    from attnviz.figures.choose import Pair
    from attnviz.selection import Selection
    from attnviz.trace import Cell, Trace

MOST_CELLS = 40  # pairs of tokens that a pair of units lists


def show_cut(trace: Trace, limit: int | None) -> None:
    """Say how far a text that was too long has been read."""
    for name, text, read in trace.queries.left_out():
        tail = plain(text[read:].strip()[:24])
        words = t(f"cut{name}", limit=limit, read=read, characters=len(text), tail=tail)
        st.warning(words, icon=":material/content_cut:")


def show_sink(run: Trace, selection: Selection) -> None:
    """How much of this head's weight rests on [CLS], [SEP] and their like."""
    for line in sink_lines(run, selection, [selection.rule])[0]:
        st.caption(line)


def sink_lines(run: Trace, selection: Selection, rules: Sequence[Rule | None]) -> list[list[str]]:
    """What `show_sink` says under each of some rules, if anything."""
    from attnviz.measures import sink_shares

    marks = zip(run.key_tokens, run.key_special, strict=True)
    names = list(dict.fromkeys(plain(token) for token, special in marks if special))
    if not names:
        return [[] for _ in rules]
    said = names[0] if len(names) == 1 else t("and_names", first=t("listed").join(names[:-1]), last=names[-1])
    shares = sink_shares(run, selection.layer, selection.head, rules)
    return [[t("sink", share=f"{share:.0%}", names=said)] for share in shares]


def show_why(
    cell: Cell, rule: Rule, name: str, scope: str, *, forbidden: bool = False, pair: Pair | None = None
) -> None:
    """Every number on the way to one weight, in the formula; first whose weights these are.

    `forbidden`: that the pair is not allowed is a change of the reader's, not the model's mask. By character or word
    `pair` is what the map says; of units of several tokens `show_tokens_of` says the rest, for they have no score.
    """
    st.caption(whose(rule, name, scope))
    labels = (cell.query_label, cell.key_label) if pair is None else (pair.query, pair.key)
    query, key = map(plain, labels)
    if cell.score == float("-inf") if pair is None else math.isnan(pair.weight):
        st.markdown(t("why_forbidden" if forbidden else "why_not_allowed", query=query, key=key))
        return
    st.markdown(_say_weight(query, key, pair or cell))
    if pair is None or pair.alone:
        st.markdown("\n\n".join(score_lines(cell)))


def whose(rule: Rule, name: str, scope: str) -> str:
    """Whose weights are shown: the model's, and which rule made them."""
    return t(f"shown_{scope}", model=plain(name), rule=rule_title(rule))


def why_lines(cell: Cell) -> list[str]:
    """What `show_why` says of two tokens of which one may look at the other, a line each."""
    return [_say_weight(plain(cell.query_label), plain(cell.key_label), cell), *score_lines(cell)]


def _say_weight(query: str, key: str, found: Cell | Pair) -> str:
    """Who looks at whom, and how much."""
    return t("why_say", query=query, key=key, weight=f"{found.weight:.4f}", place=place_in_row(found))


def score_lines(cell: Cell) -> list[str]:
    """From the product of two tokens to their weight."""
    if math.isnan(cell.product):  # the model gave its weights alone
        return [t("why_observed")]
    scale, bias = short(cell.scale), f"({short(cell.bias)})"
    key_name = "why_score_bias" if cell.bias else "why_score"
    product = f"({short(cell.product)})" if cell.product < 0 else short(cell.product)
    return [
        t("why_product", product=short(cell.product)),
        t(key_name, product=product, scale=scale, bias=bias, score=short(cell.score)),
        *after_the_score(cell),
    ]


def place_in_row(found: Cell | Pair) -> str:
    """Where a weight stands among those of its row; one that others share is not the second of anything."""
    keys = found.others if hasattr(found, "others") else found.keys
    if found.weight == 0 and found.alike:
        return t("rank_zero", count=found.alike + 1, keys=keys)
    return t("rank_shared" if found.alike else "rank_of", rank=found.rank, keys=keys, others=found.alike)


def show_tokens_of(run: Trace, selection: Selection, pair: Pair) -> None:
    """Which tokens the units of a pair are made of, and the score and weight of each two of them, folded."""
    query, key = plain(pair.query), plain(pair.key)
    st.caption(t("unit_made", query=query, key=key, queries=len(pair.queries), keys=len(pair.keys)))
    found = selection.attention(run)
    cells = [(row, column) for row in pair.queries for column in pair.keys]
    cells = sorted(cells, key=lambda cell: -float(found.weights[cell]))
    with st.expander(t("unit_tokens", count=len(cells))):
        st.caption(t("unit_score"))
        rows = [_token_row(run, found, *cell) for cell in cells[:MOST_CELLS]]
        head = [t(f"unit_{name}") for name in ("query", "key", "col_score", "col_weight")]
        st.markdown(table(head, rows))
        if len(cells) > MOST_CELLS:
            st.caption(t("unit_largest", shown=MOST_CELLS, count=len(cells)))


def _token_row(run: Trace, found: Attention, query: int, key: int) -> list[str]:
    """Two tokens by name and number, their score and their weight; a dash where no score is known."""
    score = float(found.scores[query, key])
    named = [f"{place} · {plain(labels[place])}" for place, labels in ((query, run.tokens), (key, run.key_tokens))]
    known = found.explained and math.isfinite(score)
    return [*named, short(score) if known else "–", f"{float(found.weights[query, key]):.4f}"]


def after_the_score(cell: Cell) -> list[str]:
    """From the score to the weight, by the rule that acted."""
    if alpha_of(cell.rule) > 1:
        return [f"${sparse_formula(cell)}$"]
    return [t("why_soft") + f" ${softmax_formula(cell)}$", *verdict(cell)]


def verdict(cell: Cell) -> list[str]:
    """What a hard rule did to the soft weight: cut it, kept it, or gave it a share of what was cut."""
    if not hasattr(cell.rule, "renormalise"):
        return []
    name = "why_cut" if cell.weight == 0 else "why_rest" if cell.rule.renormalise else "why_kept"
    return [t(name, rule=rule_title(cell.rule), weight=f"{cell.weight:.4f}")]
