"""What a change inside the run did to the model's prediction and outputs, before and after side by side."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.languages import t
from attnviz.ui.kit.markdown import chance, plain

if TYPE_CHECKING:
    from attnviz.trace import Trace

STYLE = """<style>
.effect { border-collapse: collapse; font-size: .85rem; width: 100%; max-width: 40rem; }
.effect :is(td, th) { padding: .1rem .5rem .1rem 0; text-align: left; font-weight: normal; white-space: nowrap; }
.effect td:first-child { white-space: normal; }
.effect th { opacity: .7; }
@media (max-width: 640px) { .effect th { white-space: normal; } }
.effect i { display: inline-block; height: .6rem; border-radius: 2px; background: currentColor; margin-right: .4rem; }
.effect .before i { opacity: .35; } .effect .after i { opacity: .8; }
</style>"""


MOST_TAGS = 20


def position_of(trace: Trace, query: int) -> int | None:
    """The token whose prediction is shown: the blank, or the chosen query of a model that writes on."""
    if trace.logits is None:
        return None
    return blank_position(trace) if trace.kind == "masked" else min(query, len(trace.tokens) - 1)


def show_effect(before: Trace, after: Trace, query: int) -> None:
    """Candidates with their probabilities, and how far the outputs moved."""
    if before.answer is not None:
        _show_answer(before, after, query)
        return
    position = position_of(before, query)
    changed = after is not before
    if position is None:
        st.markdown(f"**{t('prediction_title')}**")
        st.caption(t("prediction_hint") if before.kind == "masked" else t("predicts_nothing"))
    else:
        token = plain(before.tokens[position])
        key = "effect_blank" if before.kind == "masked" else "effect_next"
        st.markdown(f"**{t(key, token=token)}**")
        st.html(_table(before, after, position, changed))
    if changed:
        show_shift(before, after, position)


def _show_answer(before: Trace, after: Trace, query: int) -> None:
    """What a trained head says: labels or numbers, the tags of the text and of one token, answers to a question."""
    answer, changed = before.answer, after is not before
    assert answer is not None and after.answer is not None
    position = min(query, len(answer.read) - 1)
    name = f"answer_{answer.about}" if answer.problem != "number" else "answer_number"
    st.markdown(f"**{t(name, token=plain(answer.read.labels[position]))}**")
    if answer.about == "token":
        for run, when in ((answer, "col_before"), (after.answer, "col_after"))[: 1 + changed]:
            said = t("listed").join(
                plain(f"{tag.text} · {tag.label} {tag.probability:.2f}") for tag in run.tags()[:MOST_TAGS]
            )
            st.caption(t("answer_tags", when=t(when), tags=said or t("answer_no_tags")))
    st.html(_table(before, after, position, changed, numbers=answer.problem == "number"))
    if changed:
        show_shift(before, after, None if answer.problem == "number" else position)


def show_shift(before: Trace, after: Trace, position: int | None) -> None:
    """How far a change moved the outputs, and the prediction at one position."""
    from attnviz.measures import moved, prediction_change

    shifts = moved(before, after)
    most = int(shifts.argmax())
    said = t("moved", mean=f"{shifts.mean():.3f}", token=plain(before.tokens[most]), most=f"{shifts[most]:.3f}")
    if position is not None:
        said += " " + t("bits", bits=f"{prediction_change(before, after, position):.2f}")
    st.caption(said)


def blank_position(trace: Trace) -> int | None:
    """The position to fill: the token that was blanked, or the first [MASK] of the text."""
    if trace.kind != "masked":
        return None
    if trace.blank is not None:
        return trace.blank
    return next((place for place, label in enumerate(trace.tokens) if label == "[MASK]"), None)


def _table(before: Trace, after: Trace, position: int, changed: bool, numbers: bool = False) -> str:
    """The likeliest tokens of both runs, a bar for each probability."""
    from attnviz.measures import candidates

    rows = candidates(before, after, position, 6)
    named = "col_token" if before.answer is None else "col_answer" if before.answer.about == "question" else "col_label"
    head = [t(named), t("col_before")] + ([t("col_after")] if changed else [])
    draw = _number if numbers else bar_cell
    return cell_table(
        head,
        [
            (token, [draw(first, "before"), *([draw(second, "after")] if changed else [])])
            for token, first, second in rows
        ],
    )


def cell_table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table with its style: a name a row, then cells that are HTML."""
    lines = ["<tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in head) + "</tr>"]
    lines += [f"<tr><td>{html.escape(name)}</td>{''.join(cells)}</tr>" for name, cells in rows]
    return f"{STYLE}<table class='effect'>{''.join(lines)}</table>"


def _number(value: float, name: str) -> str:
    """A number that is no probability."""
    return f"<td class='{name}'>{value:.3f}</td>"


def bar_cell(probability: float, name: str, wide: float = 6) -> str:
    """One probability, "before" or "after", as a bar and a number; a probability of 1 is so many rem wide."""
    bar = f"<i style='width:{wide * probability:.2f}rem'></i>"
    return f"<td class='{name}'>{bar}{html.escape(chance(probability))}</td>"
