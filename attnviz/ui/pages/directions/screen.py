"""BERT beside GPT: one sentence, one token; what each sees of it, says for it, and how GPT goes on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.selection import Selection
from attnviz.ui.kit import charts
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.controls import RULE_PARAMS, RuleChoice
from attnviz.ui.kit.language import language, t
from attnviz.ui.kit.link import Param, between
from attnviz.ui.kit.panels import figure_text, plain, table
from attnviz.ui.stores import runs

if TYPE_CHECKING:
    from attnviz.trace import Trace

KEY = "directions."
BERT, GPT = "lab-4", "lab-gpt"
START = "这座桥是世界上最长的桥。"
SAMPLES = (START, "南京市长江大桥", "他出生于一九八零年。", "He was born in London and moved to Paris.")
HEIGHT = 400
MOST_WRITTEN, LONGEST = 30, 120  # tokens
PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", KEY + "text", START, str),
    "token": Param("token", KEY + "token", 2, between(0, 999, int)),
    "layer": Param("layer", KEY + "layer", 3, between(0, 99, int)),
    "head": Param("head", KEY + "head", 1, between(0, 99, int)),
    "most": Param("most", KEY + "most", 12, between(1, MOST_WRITTEN, int), slides=True),
    "step": Param("step", KEY + "step", 1, between(1, MOST_WRITTEN, int), slides=True),
}


def choose_sentence() -> str:
    """The sentence, and some to try."""
    box, samples = st.columns([5, 7], vertical_alignment="bottom", gap="small")
    with box:
        st.text_input(t("text"), key=KEY + "text", placeholder=t("text_placeholder"))
    with samples:
        st.pills(t("samples"), SAMPLES, key=KEY + "sample", on_change=_take_sample)
    return str(st.session_state[KEY + "text"] or "")


def _take_sample() -> None:
    """Put the sample that was clicked into the box."""
    if st.session_state[KEY + "sample"]:
        st.session_state[KEY + "text"] = st.session_state[KEY + "sample"]
        st.session_state[KEY + "sample"] = None


def choose_token(text: str) -> int:
    """Which token is blanked in BERT, and is still to come in GPT? Raises `AttnvizError` for a text without any."""
    whole = runs.trace(BERT, text, choices.SOFT)
    open_tokens = [number for number, special in enumerate(whole.special) if not special]
    _within("token", open_tokens)
    st.selectbox(
        t("directions.token"), open_tokens, key=KEY + "token", format_func=partial(_numbered, whole.tokens),
        help=t("directions.token_help"),
    )  # fmt: skip
    return int(st.session_state[KEY + "token"])


def _numbered(labels: list[str], number: int) -> str:
    """A token with its number."""
    return f"{number} · {labels[number]}"


def _within(name: str, options: list[int]) -> None:
    """Draw the number that is chosen into the options when the text has become another."""
    if st.session_state[KEY + name] not in options:
        st.session_state[KEY + name] = min(options, key=lambda option: abs(option - st.session_state[KEY + name]))


def choose_head(run: Trace) -> tuple[int, int]:
    """Layer and head, the same in both models."""
    for name, count, place in zip(("layer", "head"), (run.n_layers, run.n_heads), st.columns(2), strict=True):
        _within(name, list(range(count)))
        with place:
            st.selectbox(t(name), range(count), key=KEY + name)
    return int(st.session_state[KEY + "layer"]), int(st.session_state[KEY + "head"])


def pair(text: str, token: int, rule: RuleChoice) -> tuple[Trace, Trace]:
    """The sentence in BERT with the token blanked, and in GPT, both computed with the rule."""
    return runs.trace(BERT, text, rule, token), runs.trace(GPT, text, rule)


def draw_square(run: Trace, name: str, place: tuple[int, int], query: int) -> None:
    """One model's map, the row that answers framed at its heaviest key."""
    st.markdown(f"**{t(f'directions.{name}_title')}** &ensp;<small>{t(f'directions.{name}_mask')}</small>", True)
    row = run.weights(*place)[query]
    cell = (query, int(row.argmax()))
    charts.draw_heatmap(run, Selection(*place, *cell), charts.style_now(height=HEIGHT), key=f"{KEY}{name}")


def show_answer(run: Trace, query: int, name: str, wanted: int) -> None:
    """The likeliest tokens, how likely the sentence's own is, and whom the row consulted."""
    from attnviz.measures import sides

    chances = run.probabilities(query)
    own, rank = float(chances[wanted]), int((chances > chances[wanted]).sum()) + 1
    best = ", ".join(f"**{plain(token)}** {chance:.3f}" for token, chance in run.predictions(query, 5))
    values = {"token": plain(run.tokens[query]), "best": best, "own": plain(run.name_piece(wanted))}
    st.markdown(t(f"directions.{name}_says", **values, chance=figure_text(own), rank=rank))
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


@runs.kept
def written(text: str, token: int, rule: RuleChoice, most: int) -> Trace:
    """GPT going on from what stands before the token, computed with the rule in every step."""
    from attnviz.recording.generate import generate

    start = runs.trace(GPT, text, choices.SOFT).encoded.first(token)
    return generate(runs.model(GPT), start, most=most, rule=choices.as_rule(rule))


def draw_writing(text: str, token: int, rule: RuleChoice) -> None:
    """GPT goes on from what stands before the token: whom did each token that it wrote come from?"""
    from attnviz.figures import tokens

    st.markdown(f"**{t('directions.writes')}** &ensp;<small>{t('directions.writes_look')}</small>", True)
    count, step = st.columns([1, 3], gap="medium")
    with count:
        st.slider(t("directions.most"), 1, MOST_WRITTEN, key=KEY + "most")
    with st.spinner(t("directions.writing"), show_time=True):
        whole = written(text, token, rule, int(st.session_state[KEY + "most"]))
    border = whole.border or 0
    steps = list(range(1, len(whole.tokens) - border + 1))
    _within("step", steps)
    with step:
        st.select_slider(
            t("directions.step"), steps, key=KEY + "step",
            format_func=lambda number: f"{number} · {whole.tokens[border + number - 1]}",
        )  # fmt: skip
    query = border + int(st.session_state[KEY + "step"]) - 2  # the row from which the token was told
    layer, head = int(st.session_state[KEY + "layer"]), int(st.session_state[KEY + "head"])
    figure = tokens(whole, layer=layer, head=head, query=query, dark=charts.dark(), language=language())
    charts.draw(figure, key=KEY + "written", alt=t("alt_reader"))
    best = ", ".join(f"**{plain(token)}** {chance:.3f}" for token, chance in whole.predictions(query, 6))
    st.markdown(t("directions.step_says", token=plain(whole.tokens[query]), best=best))
