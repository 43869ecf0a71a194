"""The words and numbers beside the pictures: why a weight, what the model says, what more heads bought."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.controls import KEY, MODELS, SOFT, as_rule, rule_title
from attnviz.ui.kit.formulas import alpha_of, short, softmax_formula, sparse_formula
from attnviz.ui.kit.language import t
from attnviz.ui.stores import runs

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.selection import Selection
    from attnviz.trace import Cell, Trace


# What Streamlit changes after Markdown has been read, where a backslash no longer helps: addresses, :emoji:, icons and
# logos by name, arrows of ASCII. They are parted by a character that is not seen.
PARTED = re.compile(r"(?i)(?<=:)(?=//|material/|[\w+-]+:)|(?<=www)(?=\.)|(?<=\S@)(?=\S)|(?<=[<>~-])(?=[->=])")
UNSEEN = "\u2060"  # word joiner


def plain(value: object) -> str:
    """Anything that we have not written ourselves, inside Markdown: a token, a name, a reason. It stands as it is.

    No mark of it formats, links, fetches a picture, or becomes a sign or a formula; a line's end is a space.

    >>> plain("*a_b*")
    '\\\\*a\\\\_b\\\\*'
    """
    text = PARTED.sub(UNSEEN, re.sub(r"\s+", " ", str(value)))
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-.!|~$:&@" else c for c in text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---") -> str:
    """A Markdown table; `align` is the mark of every column but the first: ---, or ---: for numbers."""
    lines = [list(head), ["---", *[align] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def bold(cells: Sequence[str], wanted: bool) -> list[str]:
    """The cells of a row, set in bold where the row is the one in use."""
    return [f"**{cell}**" if wanted else cell for cell in cells]


def show_cut(trace: Trace, limit: int | None) -> None:
    """Say how far a text that was too long has been read."""
    cut = trace.queries.cut
    if cut is not None:
        tail = plain(trace.text[cut:].strip()[:24])
        st.warning(
            t("cut", limit=limit, read=cut, characters=len(trace.text), tail=tail), icon=":material/content_cut:"
        )


def show_sink(trace: Trace, selection: Selection) -> None:
    """How much of this head's weight rests on [CLS], [SEP] and their like."""
    from attnviz.measures import sink_share

    marks = zip(trace.key_tokens, trace.key_special, strict=True)
    names = list(dict.fromkeys(plain(token) for token, special in marks if special))
    if names:
        said = names[0] if len(names) == 1 else t("and_names", first=", ".join(names[:-1]), last=names[-1])
        share = sink_share(trace, selection.layer, selection.head, rule=selection.rule)
        st.caption(t("sink", share=f"{share:.0%}", names=said))


def show_why(cell: Cell, rule: Rule, name: str, scope: str) -> None:
    """Every number on the way to one weight, in the formula; first whose weights these are."""
    st.caption(t(f"shown_{scope}", model=plain(name), rule=rule_title(rule)))
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
        *after_the_score(cell),
    ]
    st.markdown("\n\n".join(lines))


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


def show_prediction(before: Trace, after: Trace, rule: Rule) -> None:
    """What the model says at the blank and where it sees words: softly, and computed with the rule."""
    left, right = st.columns(2, gap="medium")
    changed, position = after is not before, asked(before)
    with left:
        st.markdown(f"**{t('prediction_title')}**")
        if position is None:
            st.caption(t("prediction_hint"))
        else:
            _candidates(before, after, position, rule, changed)
    with right:
        _words(before, after, rule, changed)
        if changed:
            shift(before, after, position)
        elif rule != as_rule(SOFT):
            st.caption(t("redraw_note"))
        try_change()


def shift(before: Trace, after: Trace, position: int | None) -> None:
    """How far a change moved the outputs, and the prediction at one position."""
    from attnviz.measures import moved, prediction_change

    shifts = moved(before, after)
    most = int(shifts.argmax())
    said = t("moved", mean=f"{shifts.mean():.3f}", token=plain(before.tokens[most]), most=f"{shifts[most]:.3f}")
    if position is not None:
        said += " " + t("bits", bits=f"{prediction_change(before, after, position):.2f}")
    st.caption(said)


def asked(trace: Trace) -> int | None:
    """The position to fill: the token that was blanked, or the first [MASK] of the text."""
    if trace.kind != "masked":
        return None
    if trace.blank is not None:
        return trace.blank
    return next((place for place, label in enumerate(trace.tokens) if label == "[MASK]"), None)


def _candidates(before: Trace, after: Trace, position: int, rule: Rule, changed: bool) -> None:
    """The five likeliest tokens and their probabilities, a line for each run."""
    runs_shown = [(t("before_soft"), before)] + ([(t("after_rule", rule=rule_title(rule)), after)] if changed else [])
    lines = [
        [plain(name), *(f"**{plain(token)}** {p:.3f}" for token, p in run.predictions(position, top=5))]
        for name, run in runs_shown
    ]
    st.markdown(table([t("prediction_at"), *(str(place) for place in range(1, len(lines[0])))], lines))


def _words(before: Trace, after: Trace, rule: Rule, changed: bool) -> None:
    """The words that the word-boundary head sees, before and after."""
    if before.boundaries is None:
        return
    from attnviz.measures import words

    first = " / ".join(plain(word) for word in words(before)[:40])
    st.markdown(f"{t('words')}: **{first}**")
    if changed:
        second = " / ".join(plain(word) for word in words(after)[:40])
        name = plain(rule_title(rule))
        st.markdown(f"{name}: **{second}**" if second != first else f"{name}: {t('words_same')}")


def try_change() -> None:
    """A button that sets up a sentence whose prediction a hard rule changes."""
    st.button(t("try_change"), on_click=_set_change, icon=":material/swap_horiz:", type="tertiary")


def _set_change() -> None:
    """A sentence with a blank that argmax attention in every layer fills with another word."""
    for name, value in CHANGE.items():
        st.session_state[KEY + name] = value


CHANGE = {
    "text": "岳阳北站等位于该[MASK]道。", "model": "lab-4", "family": "hard", "hard": "argmax", "renormalise": True,
    "scope": "run", "blank": None,
}  # fmt: skip


def show_heads(name: str, text: str) -> None:
    """What 1, 2, 4 and 8 heads reach, and how different they are on this text."""
    st.caption(f"**{t('more_heads_title')}**", help=t("more_heads_help"))
    distances = runs.head_distances(text)
    columns = ("col_heads", "col_masked_zh", "col_masked_en", "col_boundary", "col_distance")
    rows = []
    for model in MODELS:
        card = runs.card(model)
        figures = card.figures if card else {}
        numbers = [
            figure_text(figures.get(k)) for k in ("masked_accuracy_zh", "masked_accuracy_en", "boundary_f1_jieba")
        ]
        cells = [model.removeprefix("lab-"), *numbers, figure_text(distances[model])]
        rows.append(bold(cells, model == name))
    st.markdown(table([t(column) for column in columns], rows, "---:"))
    run = runs.trace(name, text, SOFT)
    width = run.attention(0).queries.shape[-1]
    st.caption(t("model_says", model=name, layers=run.n_layers, heads=run.n_heads, width=width))


def figure_text(value: float | None) -> str:
    """A figure of a table, a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"
