"""What the page on grammar asks: a model; trees, marked lines or minimal pairs; a relation, a head, a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from attnviz.errors import TextError
from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    between,
    bring_text,
    choose_any_model,
    flag,
    nearest,
    one_of,
    rule_now,
    t,
)
from attnviz.ui.pages.grammar.run import KEY, Asked, sample

TASKS = ("trees", "pairs", "agreement")
SETS = ("attracted", "beside", "classifiers", "own")
NONE = ""  # no relation, no head was chosen: the first of them
MOST_TREES, MOST_LINES = 300, 500
PARAMS = {
    **RULE_PARAMS,
    "model": Param("model", KEY + "model", "lab-4", str),
    "task": Param("task", KEY + "task", TASKS[0], one_of(*TASKS)),
    "trees": Param("trees", KEY + "trees", "", str),
    "fewest": Param("least", KEY + "fewest", 10, between(1, 9_999, int)),
    "pairs": Param("pairs", KEY + "pairs", "", str),
    "minimal": Param("minimal", KEY + "minimal", "", str),
    "set": Param("set", KEY + "set", SETS[0], one_of(*SETS)),
    "without": Param("without", KEY + "without", False, flag),
    "relation": Param("relation", KEY + "relation", NONE, str),
    "head": Param("head", KEY + "head", NONE, str),
    "sentence": Param("sentence", KEY + "sentence", 0, between(0, 99_999, int)),
}
Head = tuple[int, int]


def choose_model() -> str:
    """A lab model, or any other."""
    return choose_any_model(KEY + "model", on_change=_forget_head)


def choose_task() -> str:
    """What is asked of the model's heads."""
    st.segmented_control(
        t("grammar.task"), TASKS, key=KEY + "task", format_func=lambda one: t(f"grammar.task_{one}"), required=True,
        on_change=_forget,
    )  # fmt: skip
    return str(st.session_state[KEY + "task"])


def _forget() -> None:
    """What was chosen of an answer belongs to what was asked."""
    _forget_head()
    st.session_state[KEY + "relation"] = NONE
    st.session_state[KEY + "sentence"] = 0


def _forget_head() -> None:
    st.session_state[KEY + "head"] = NONE


def choose_trees(name: str) -> Asked:
    """The trees in CoNLL-U: typed, from a file, or the sample. Raises `TextError`."""
    box = KEY + "trees"
    left, right = st.columns([3, 1], gap="medium", vertical_alignment="bottom")
    with right:
        unread = bring_text(box, ("conllu", "txt"), t("grammar.bring"), t("grammar.file"))
        st.number_input(t("grammar.fewest"), 1, 9_999, key=KEY + "fewest", help=t("grammar.fewest_help"))
    with left:
        _cut(box, MOST_TREES, _first_trees)
        st.text_area(
            t("grammar.trees"), key=box, height=150, help=t("grammar.trees_help"), on_change=_forget,
            placeholder=sample("trees.conllu")[:700],
        )  # fmt: skip
        _say_cut(box, MOST_TREES)
    if unread:
        raise TextError("lines_file")
    content = str(st.session_state[box])
    return Asked(name, rule_now(), content if content.strip() else sample("trees.conllu"), _fewest(), trees=True)


def _fewest() -> int:
    return int(st.session_state[KEY + "fewest"])


def _first_trees(content: str) -> tuple[str, int]:
    from attnviz.experiments.reading.grammar import first_sentences

    return first_sentences(content, MOST_TREES)


def _first_lines(content: str) -> tuple[str, int]:
    lines = content.splitlines()
    return "\n".join(lines[:MOST_LINES]), max(0, len(lines) - MOST_LINES)


def _cut(box: str, most: int, first: Callable[[str], tuple[str, int]]) -> None:
    """Keep as much of what stands in a box as the page reads; a browser would choke on the rest."""
    content = str(st.session_state[box])
    if content.count("\n") < most:
        return
    kept, left = first(content)
    if left:
        st.session_state[box] = kept
        st.session_state[f"{box}.left"] = (kept, left)


def _say_cut(box: str, most: int) -> None:
    """Say what was left out of what stands in the box."""
    kept, left = st.session_state.get(f"{box}.left", ("", 0))
    if left and st.session_state[box] == kept:
        st.caption(t("grammar.cut", most=most, left=left))


def choose_lines(name: str, which: str, start: str) -> Asked:
    """Marked lines, typed or from a file, or those of `start`; `which` is the box. Raises `TextError`."""
    box = KEY + which
    left, right = st.columns([3, 1], gap="medium", vertical_alignment="bottom")
    with right:
        unread = bring_text(box, ("txt",), t("grammar.bring"), t("grammar.file_lines"))
    with left:
        _cut(box, MOST_LINES, _first_lines)
        st.text_area(
            t(f"grammar.{which}"), key=box, height=150, help=t(f"grammar.{which}_help"), on_change=_forget,
            placeholder=start.strip(),
        )  # fmt: skip
        _say_cut(box, MOST_LINES)
    if unread:
        raise TextError("lines_file")
    content = str(st.session_state[box])
    return Asked(name, rule_now(), content if content.strip() else start)


def choose_set(own: bool) -> str:
    """Which minimal pairs; one's own where there are any."""
    options = SETS if own else SETS[:-1]
    if st.session_state[KEY + "set"] not in options:
        st.session_state[KEY + "set"] = options[0]
    st.selectbox(
        t("grammar.set"), options, key=KEY + "set", format_func=lambda one: t(f"grammar.set_{one}"), on_change=_forget
    )
    return str(st.session_state[KEY + "set"])


def choose_without() -> bool:
    """Is every head to be removed in turn?"""
    st.toggle(t("grammar.without"), key=KEY + "without", help=t("grammar.without_help"), on_change=_forget_head)
    return bool(st.session_state[KEY + "without"])


def choose_relation(names: Sequence[str], said: Callable[[str], str]) -> str:
    """One relation, the first where none was chosen."""
    if st.session_state[KEY + "relation"] not in names:
        st.session_state[KEY + "relation"] = names[0]
    st.selectbox(
        t("grammar.relation"), names, key=KEY + "relation", format_func=said, on_change=_forget_head,
        help=t("grammar.relation_help"),
    )  # fmt: skip
    return str(st.session_state[KEY + "relation"])


def choose_head(heads: dict[Head, str]) -> Head:
    """One head, the first where none was chosen; `heads` say what stands beside each."""
    names = {f"{layer}.{head}": (layer, head) for layer, head in heads}
    if st.session_state[KEY + "head"] not in names:
        st.session_state[KEY + "head"] = next(iter(names))
    st.selectbox(
        t("grammar.head"), list(names), key=KEY + "head", format_func=lambda one: f"{one} · {heads[names[one]]}"
    )
    return names[str(st.session_state[KEY + "head"])]


def choose_sentence(texts: Sequence[str]) -> str:
    """One sentence, to look at."""
    at = nearest(KEY + "sentence", range(len(texts)))
    st.selectbox(t("grammar.sentence"), range(len(texts)), key=KEY + "sentence", format_func=lambda one: texts[one])
    return texts[at]


def take_row(chart: str, box: str, values: Sequence[str]) -> None:
    """A point of the picture was clicked: its row is what is chosen in `box`."""
    points = st.session_state[chart].selection.points
    number = points[0].get("customdata", -1) if points else -1
    number = number[0] if isinstance(number, list) else number
    if isinstance(number, int) and 0 <= number < len(values):
        st.session_state[KEY + box] = values[number]
        if box == "relation":
            _forget_head()
