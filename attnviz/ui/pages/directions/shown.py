"""What the page of BERT and GPT shows: what each sees of the token, says for it, and how GPT goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    RuleChoice,
    Selection,
    chance,
    dark,
    draw,
    draw_heatmap,
    language,
    plain,
    style_now,
    t,
    table,
)
from attnviz.ui.pages.directions.choices import BERT, GPT, KEY, choose_most, choose_step, written

if TYPE_CHECKING:
    from attnviz.trace import Trace

HEIGHT = 400


def draw_square(run: Trace, name: str, place: tuple[int, int], query: int) -> None:
    """One model's map, the row that answers framed at its heaviest key."""
    st.markdown(f"**{t(f'directions.{name}_title')}** &ensp;<small>{t(f'directions.{name}_mask')}</small>", True)
    row = run.weights(*place)[query]
    cell = (query, int(row.argmax()))
    draw_heatmap(run, Selection(*place, *cell), style_now(height=HEIGHT), key=f"{KEY}{name}")


def show_answer(run: Trace, query: int, name: str, wanted: int) -> None:
    """The likeliest tokens, how likely the sentence's own is, and whom the row consulted."""
    from attnviz.measures import sides

    chances = run.probabilities(query)
    own, rank = float(chances[wanted]), int((chances > chances[wanted]).sum()) + 1
    best = t("listed").join(f"**{plain(token)}** {chance(p)}" for token, p in run.predictions(query, 5))
    values = {"token": plain(run.tokens[query]), "best": best, "own": plain(run.name_piece(wanted))}
    st.markdown(t(f"directions.{name}_says", **values, chance=chance(own), rank=rank))
    found = sides(run, query)
    shares = {side: f"{getattr(found, side):.0%}" for side in ("before", "itself", "after", "special")}
    st.caption(t("directions.shares", **values, **shares))


def show_consulted(bert: Trace, gpt: Trace, token: int) -> None:
    """Both rows beside each other: the weight of every token, mean over all heads."""
    from attnviz.measures import consulted

    rows = [consulted(bert, token), consulted(gpt, token - 1)]
    tokens = max((bert.tokens, gpt.tokens), key=len)
    closed = t("directions.closed")
    cells = [
        [closed if name == GPT and key >= token else f"{row[key]:.2f}" for key in range(len(tokens))]
        for name, row in ((BERT, rows[0]), (GPT, _padded(rows[1].tolist(), len(tokens))))
    ]
    head = [t("directions.consulted"), *(plain(label) for label in tokens)]
    st.markdown(table(head, [[BERT, *cells[0]], [GPT, *cells[1]]]))


def _padded(row: list[float], count: int) -> list[float]:
    """A row with zeros to a length."""
    return row + [0.0] * (count - len(row))


def draw_writing(text: str, token: int, rule: RuleChoice, place: tuple[int, int]) -> None:
    """GPT goes on from what stands before the token: whom did each token that it wrote come from?"""
    from attnviz.figures import tokens

    st.markdown(f"**{t('directions.writes')}** &ensp;<small>{t('directions.writes_look')}</small>", True)
    count, step = st.columns([1, 3], gap="medium")
    with count:
        most = choose_most()
    with st.spinner(t("directions.writing"), show_time=True):
        whole = written(text, token, rule, most)
    border = whole.border or 0
    with step:
        query = border + choose_step(whole.tokens[border:]) - 2  # the row from which the token was told
    layer, head = place
    figure = tokens(whole, layer=layer, head=head, query=query, dark=dark(), language=language())
    draw(figure, key=KEY + "written", alt=t("alt_reader"))
    best = t("listed").join(f"**{plain(token)}** {chance(p)}" for token, p in whole.predictions(query, 6))
    st.markdown(t("directions.step_says", token=plain(whole.tokens[query]), best=best))
