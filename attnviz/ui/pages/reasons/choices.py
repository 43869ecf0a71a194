"""What the page on reading attention asks: a text, a prediction of it, and what the ways of reading are held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    LIKELIEST,
    LINKED_START,
    RULE_PARAMS,
    Param,
    between,
    chance,
    choose_answer,
    choose_asked_model,
    choose_asked_text,
    choose_asked_token,
    choose_lines,
    flag,
    one_of,
    open_model,
    plain,
    rule_now,
    t,
)
from attnviz.ui.pages.reasons.run import Asked, trace

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = "reasons."
YARDSTICKS = ("occluded_mean", "occluded_zero", "occluded_other", "edges_shared", "edges_lost")
CANDIDATES = 12
NO_HEAD = ""
PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", KEY + "text", LINKED_START, str),
    "model": Param("model", KEY + "model", "lab-4", str),
    "reply": Param("reply", KEY + "reply", "", str),
    "at": Param("at", KEY + "at", None, between(0, 99_999, int)),
    "piece": Param("piece", KEY + "piece", LIKELIEST, between(LIKELIEST, 9_999_999, int)),
    "against": Param("against", KEY + "against", LIKELIEST, between(LIKELIEST, 9_999_999, int)),
    "yardstick": Param("held", KEY + "yardstick", YARDSTICKS[0], one_of(*YARDSTICKS)),
    "head": Param("head", KEY + "head", NO_HEAD, str),
    "lines": Param("lines", KEY + "lines", "", str),
    "lens": Param("lens", KEY + "lens", False, flag),
}


def choose_model() -> str:
    """A lab model, or any other."""
    return choose_asked_model(KEY)


def choose_yardstick() -> str:
    """What happens without a place: the measure that every way of reading is held to."""
    st.selectbox(
        t("reasons.yardstick"), YARDSTICKS, key=KEY + "yardstick", format_func=lambda way: t(f"reasons.way_{way}"),
        help=t("reasons.yardstick_help"),
    )  # fmt: skip
    return str(st.session_state[KEY + "yardstick"])


def choose_sentence() -> str:
    """The text, and some to try."""
    return choose_asked_text(KEY)


def choose_prediction(name: str, text: str) -> tuple[Model, Trace, Asked]:
    """Which token is asked about, and which of its candidates is to be explained. Raises `AttnvizError`."""
    model = open_model(name)
    reply = _choose_reply() if model.kind == "seq2seq" else ""
    with st.spinner(t("running", model=plain(name)), show_time=True):
        untouched = trace(Asked(name, text, reply=reply))
    one = untouched.answer is not None and untouched.answer.about == "sequence"
    at, blank = (None, None) if one else choose_asked_token(KEY, untouched, model.mask_id is not None)
    asked = Asked(name, text, reply, rule_now(), blank, at)
    with st.spinner(t("running", model=plain(name)), show_time=True):
        run = trace(asked)
    piece, against = _choose_pieces(run, at or 0)
    head = _choose_head(run)
    return model, run, asked.about(piece, against, head)


def _choose_reply() -> str:
    """What an encoder-decoder has written so far."""
    st.text_input(t("reasons.reply"), key=KEY + "reply", help=t("reasons.reply_help"))
    return str(st.session_state[KEY + "reply"])


def _choose_pieces(run: Trace, at: int) -> tuple[int | None, int | None]:
    """Which candidate is explained, and against which: by their numbers, None for the likeliest and for none."""
    if run.logits is None and run.answer is None:
        return None, None
    wanted = [int(st.session_state[KEY + name]) for name in ("piece", "against")]
    names = candidates(run, at, wanted)
    first, *others = names
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    with left:
        piece = _choose("piece", others, names, names[first])
    own = first if piece is None else piece
    with right:
        rivals = [one for one in names if one != own]
        return piece, _choose("against", rivals, names, t("reasons.against_none"))


def _choose(which: str, options: Sequence[int], names: Mapping[int, str], usual: str) -> int | None:
    """One of the candidates, or what is usual."""
    title, about = t(f"reasons.{which}"), t(f"reasons.{which}_help")
    return choose_answer(KEY + which, title, options, names, usual, about)


def candidates(run: Trace, at: int, linked: Sequence[int] = ()) -> dict[int, str]:
    """The likeliest pieces at a token, or labels, with their probabilities; and those that a link names."""
    answer = run.answer
    values = run.probabilities(at) if answer is None else answer.values(at if len(answer.scores) > 1 else 0)
    chosen = values.topk(min(CANDIDATES, len(values))).indices.tolist()
    chosen += [one for one in linked if LIKELIEST < one < len(values) and one not in chosen]
    names = run.name_piece if answer is None else answer.labels.__getitem__
    return {one: f"{plain(names(one))} · {chance(float(values[one]))}" for one in chosen}


def _choose_head(run: Trace) -> tuple[int, int] | None:
    """One head whose weights stand among the rows, or none."""
    places = [f"{layer}.{head}" for layer in run.open_layers for head in range(run.n_heads)]
    if st.session_state[KEY + "head"] not in places:
        st.session_state[KEY + "head"] = NO_HEAD
    st.selectbox(
        t("reasons.head"), [NO_HEAD, *places], key=KEY + "head",
        format_func=lambda one: one or t("reasons.head_none"), help=t("reasons.head_help"),
    )  # fmt: skip
    chosen = str(st.session_state[KEY + "head"])
    if not chosen:
        return None
    layer, head = chosen.split(".")
    return int(layer), int(head)


def choose_sentences() -> list[str]:
    """The lines over which a mean is taken. Raises `TextError`."""
    return choose_lines(KEY + "lines", t("reasons.sentences_start"), t("reasons.sentences_help"))
