"""Why a weight is what it is, in words and numbers beside the picture; and how far a text was read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.controls import OpenHead
from attnviz.ui.kit.formulas import short, softmax_formula, sparse_formula
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.markdown import plain
from attnviz.ui.kit.rules import RuleChoice

if TYPE_CHECKING:
    from attnviz.trace import Cell, Trace


def show_cut(trace: Trace, limit: int | None) -> None:
    """Say how far a text that was too long has been read."""
    cut = trace.queries.cut
    if cut is not None:
        tail = plain(trace.text[cut:].strip()[:24])
        st.warning(
            t("cut", limit=limit, read=cut, characters=len(trace.text), tail=tail), icon=":material/content_cut:"
        )


def show_sink(opened: OpenHead) -> None:
    """How much of this head's weight rests on [CLS], [SEP] and their like."""
    from attnviz.measures import sink_share

    marks = zip(opened.run.key_tokens, opened.run.key_special, strict=True)
    names = list(dict.fromkeys(plain(token) for token, special in marks if special))
    if names:
        said = names[0] if len(names) == 1 else t("and_names", first=", ".join(names[:-1]), last=names[-1])
        share = sink_share(opened.run, opened.layer, opened.head, rule=opened.rule)
        st.caption(t("sink", share=f"{share:.0%}", names=said))


def show_why(cell: Cell, choice: RuleChoice, name: str, scope: str) -> None:
    """Every number on the way to one weight, in the formula; first whose weights these are."""
    st.caption(t(f"shown_{scope}", model=plain(name), rule=choice.title()))
    query, key = plain(cell.query_label), plain(cell.key_label)
    if cell.score == float("-inf"):
        st.markdown(t("why_not_allowed", query=query, key=key))
        return
    st.markdown(t("why_say", query=query, key=key, weight=f"{cell.weight:.4f}", rank=cell.rank, keys=cell.keys))
    if math.isnan(cell.product):  # the model gave its weights alone
        st.markdown(t("why_observed"))
        return
    scale, bias = short(cell.scale), f"({short(cell.bias)})"
    key_name = "why_score_bias" if cell.bias else "why_score"
    product = f"({short(cell.product)})" if cell.product < 0 else short(cell.product)
    lines = [
        t("why_product", product=short(cell.product)),
        t(key_name, product=product, scale=scale, bias=bias, score=short(cell.score)),
        *after_the_score(cell, choice),
    ]
    st.markdown("\n\n".join(lines))


def after_the_score(cell: Cell, choice: RuleChoice) -> list[str]:
    """From the score to the weight."""
    alpha = {"sparsemax": 2.0, "entmax": choice.number or 1.5}.get(choice.name)
    if alpha is not None and alpha > 1:
        return [f"${sparse_formula(cell, alpha)}$"]
    lines = [t("why_soft") + f" ${softmax_formula(cell)}$"]
    if choice.name in ("soft", "entmax"):
        return lines
    if cell.weight == 0:
        return [*lines, t("why_cut", rule=choice.title())]
    verdict = "why_rest" if choice.renormalise else "why_kept"
    return [*lines, t(verdict, rule=choice.title(), weight=f"{cell.weight:.4f}")]
