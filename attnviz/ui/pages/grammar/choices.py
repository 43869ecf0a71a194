"""What the page on grammar asks: a model; trees, marked lines or minimal pairs; a relation, a head, a sentence.

And what it computes of that: heads judged by pairs, what the model prefers; watched, stopped on a click.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from attnviz.errors import TextError
from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    RuleChoice,
    address,
    as_rule,
    between,
    bring_text,
    choose,
    choose_any_model,
    chosen,
    find,
    flag,
    made_once,
    model_store,
    nearest,
    one_of,
    open_model,
    plain,
    rule_now,
    runs,
    t,
    work,
)

if TYPE_CHECKING:
    from attnviz.experiments.reading.find import Pair
    from attnviz.experiments.reading.grammar import Treebank
    from attnviz.experiments.reading.judged import Judged
    from attnviz.experiments.reading.marks import Minimal
    from attnviz.experiments.reading.minimal import Preferred, WithoutHeads
    from attnviz.trace import Trace

KEY = "grammar."
Made = TypeVar("Made")
TASKS = ("trees", "pairs", "agreement")
SETS = ("attracted", "beside", "classifiers", "own")
NONE = ""  # no relation, no head was chosen: the first of them
KNOWN = (
    "nsubj", "obj", "iobj", "obl", "det", "amod", "advmod", "nmod", "case", "aux", "cop", "clf", "nummod", "mark",
    "acl", "advcl", "conj", "cc", "compound", "xcomp", "ccomp", "appos", "csubj", "flat", "parataxis", "discourse",
)  # fmt: skip
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


@dataclass(frozen=True)
class Asked:
    """What is asked of a model, as caches know it: the trees, marked lines or minimal pairs as they were written."""

    name: str
    rule: RuleChoice
    content: str = ""
    fewest: int = 1
    trees: bool = False


def sample(name: str) -> str:
    """A file of the sample."""
    return files("attnviz").joinpath("content", name).read_text(encoding="utf-8")


def bank_of(asked: Asked) -> Treebank | None:
    """The trees; None where lines are marked. Raises `TextError`."""
    from attnviz.experiments.reading.grammar import treebank

    return treebank(asked.content) if asked.trees else None


def pairs_of(asked: Asked, bank: Treebank | None) -> dict[str, list[Pair]]:
    """The pairs by relation, those of marked lines without a name. Raises `TextError`."""
    from attnviz.experiments.reading.grammar import relations
    from attnviz.experiments.reading.marks import lines_of, pairs_of

    if bank is not None:
        return relations(bank.trees, asked.fewest)
    return {"": pairs_of(lines_of(asked.content))}


def judged_of(asked: Asked, pairs: Mapping[str, Sequence[Pair]]) -> list[Judged] | None:
    """The heads of every relation; None once stopped. Raises `AttnvizError`."""
    if not pairs:
        return []
    open_model(asked.name)

    def make(tell: work.Tell, stop: work.Halted) -> list[Judged]:
        from attnviz.experiments.reading.judged import judge

        model = model_store().take(asked.name)
        return judge(model, pairs, rule=as_rule(asked.rule), on_text=tell, stop=stop)

    return _made("judged", asked, make)


def minimal_of(asked: Asked) -> list[Minimal]:
    """The minimal pairs. Raises `TextError`."""
    from attnviz.experiments.reading.marks import lines_of, minimal

    return [minimal(line) for line in lines_of(asked.content)]


@runs.kept
def preferred_of(what: Asked) -> Preferred:
    """What the model prefers. Raises `AttnvizError`."""
    from attnviz.experiments.reading.minimal import preferred

    return preferred(model_store().take(what.name), minimal_of(what), rule=as_rule(what.rule))


def without_of(asked: Asked) -> WithoutHeads | None:
    """What it prefers without each head; None once stopped. Raises `AttnvizError`."""

    def make(tell: work.Tell, stop: work.Halted) -> WithoutHeads:
        from attnviz.experiments.reading.minimal import preferred_without

        model = model_store().take(asked.name)
        return preferred_without(model, minimal_of(asked), rule=as_rule(asked.rule), on_head=tell, stop=stop)

    return _made("without", asked, make)


def trace(asked: Asked, text: str) -> Trace:
    """One sentence's run, for the picture of a head. Raises `AttnvizError`."""
    return _trace(replace(asked, content=text, fewest=1, trees=False))


@runs.kept
def _trace(what: Asked) -> Trace:
    from attnviz.recording.record import record

    run = record(model_store().take(what.name), what.content, rule=as_rule(what.rule), predictions=False)
    return run.text_map


def link_of(asked: Asked, text: str) -> dict[str, str]:
    """What a link to *Any model* says of the model and a sentence."""
    return {"lang": address.now().get("lang", ""), "id": asked.name, "text": text}


def _made(which: str, asked: Asked, make: Callable[[work.Tell, work.Halted], Made]) -> Made | None:
    """Made once, with a bar and, when it takes long, a button that stops it."""

    def words(done: object, count: object) -> str:
        return t(f"grammar.working_{which}", model=plain(asked.name), done=done, count=count)

    return made_once(KEY + which, runs.key_of(KEY + which, asked, asked.name), words, make)


def sets_of(own: Asked) -> dict[str, Asked]:
    """The minimal pairs by set; one's own where there are any."""
    told = tomllib.loads(sample("agreement.toml"))
    found = {name: replace(own, content=told[name]) for name in SETS if name in told}
    return found | ({"own": own} if str(st.session_state[KEY + "minimal"]).strip() else {})


def relation_name(name: str) -> str:
    """A relation and its direction, in words where it is a common one."""
    bare = name.removesuffix("<")
    said = t(f"grammar.rel_{bare}") if bare in KNOWN else ""
    key = "grammar.from_head" if name.endswith("<") else "grammar.to_head"
    return t(key, relation=f"{bare} {said}".strip())


def choose_model() -> str:
    """A lab model, or any other."""
    return choose_any_model(KEY + "model", on_change=_forget_head)


def choose_task() -> str:
    """What is asked of the model's heads."""
    st.segmented_control(
        t("grammar.task"), TASKS, key=KEY + "task", format_func=lambda one: t(f"grammar.task_{one}"), required=True,
        wrap=True, on_change=_forget,
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
    start = sample("trees.conllu")
    left, right = st.columns([3, 1], gap="medium", vertical_alignment="bottom")
    with right:
        unread = bring_text(KEY + "trees", ("conllu", "txt"), t("grammar.bring"), t("grammar.file"))
        st.number_input(t("grammar.fewest"), 1, 9_999, key=KEY + "fewest", help=t("grammar.fewest_help"))
    with left:
        content = _typed("trees", start[:700], MOST_TREES, _first_trees) or start
    if unread:
        raise TextError("lines_file")
    return Asked(name, rule_now(), content, int(st.session_state[KEY + "fewest"]), trees=True)


def _typed(which: str, shown: str, most: int, first: Callable[[str], tuple[str, int]]) -> str:
    """What is typed in a box, no more of it than the page reads, "" where it is blank; `shown` stands there in grey."""
    box = KEY + which
    _cut(box, most, first)
    st.text_area(
        t(f"grammar.{which}"), key=box, height=150, help=t(f"grammar.{which}_help"), on_change=_forget,
        placeholder=shown,
    )  # fmt: skip
    _say_cut(box, most)
    content = str(st.session_state[box])
    return content if content.strip() else ""


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
    left, right = st.columns([3, 1], gap="medium", vertical_alignment="bottom")
    with right:
        unread = bring_text(KEY + which, ("txt",), t("grammar.bring"), t("grammar.file_lines"))
    with left:
        content = _typed(which, start.strip(), MOST_LINES, _first_lines) or start
    if unread:
        raise TextError("lines_file")
    return Asked(name, rule_now(), content)


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
    _first(KEY + "relation", names)
    st.selectbox(
        t("grammar.relation"), names, key=KEY + "relation", format_func=said, on_change=_forget_head,
        help=t("grammar.relation_help"),
    )  # fmt: skip
    return str(st.session_state[KEY + "relation"])


def _first(key: str, options: Sequence[str]) -> None:
    """Where none of these was chosen the first is shown, and no link says it."""
    if chosen(key) not in options:
        find(key, options[0])


def choose_head(heads: dict[Head, str]) -> Head:
    """One head, the first where none was chosen; `heads` say what stands beside each."""
    names = {f"{layer}.{head}": (layer, head) for layer, head in heads}
    _first(KEY + "head", list(names))
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
    number = int(points[0].get("y", -1)) if points else -1  # rows lie at 0, 1, ...
    if 0 <= number < len(values):
        choose(KEY + box, values[number])
        if box == "relation":
            _forget_head()
