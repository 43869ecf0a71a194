"""What the page that compares asks: a sentence, a model, a rule for A and B; heads or layers, which. And the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    RULE_PARAMS,
    SETTINGS,
    SOFT,
    Param,
    RuleChoice,
    as_rule,
    choose,
    choose_any_model,
    chosen,
    find,
    model_store,
    offer_samples,
    one_of,
    open_model,
    plain,
    rule_now,
    runs,
    t,
)

if TYPE_CHECKING:
    from attnviz.experiments.reading.compare import Compared
    from attnviz.trace import Trace

KEY = "compare."
FIRST = "The dog chased the cat because it was hungry."
SECOND = "The dogs chased the cat because they were hungry."
RULES = ("same", "soft", "top-k", "argmax", "sparsemax")
OF = ("heads", "layers")
NO_HEAD = ""
Head = tuple[int, int]
PARAMS = {
    **RULE_PARAMS,
    "a": Param("a", KEY + "a", FIRST, str),
    "b": Param("b", KEY + "b", SECOND, str),
    "model_a": Param("model", KEY + "model_a", "lab-4", str),
    "model_b": Param("against", KEY + "model_b", "lab-4", str),
    "rule_b": Param("rule_b", KEY + "rule_b", RULES[0], one_of(*RULES)),
    "of": Param("of", KEY + "of", OF[0], one_of(*OF)),
    "head": Param("head", KEY + "head", NO_HEAD, str),
    "beside": Param("beside", KEY + "beside", NO_HEAD, str),
}
CASES = {  # what the samples put into A and B: sentences, models, the rule of B
    "number": (FIRST, SECOND, "lab-4", "lab-4", "same"),
    "object": ("他把书还给了图书馆。", "他把书还给了老师。", "lab-4", "lab-4", "same"),
    "order": ("小猫追着小狗跑。", "小狗追着小猫跑。", "lab-4", "lab-4", "same"),
    "models": (FIRST, FIRST, "lab-4", "lab-8", "same"),
    "kinds": (FIRST, FIRST, "lab-4", "lab-gpt", "same"),
    "hard": (FIRST, FIRST, "lab-4", "lab-4", "argmax"),
    "two_heads": (FIRST, FIRST, "lab-4", "lab-4", "same"),
    "two_layers": (FIRST, FIRST, "lab-4", "lab-4", "same"),
}
WITH = {"two_heads": ("heads", "2.1"), "two_layers": ("layers", "3")}  # heads or layers of these, and which of B
BOXES = ("a", "b", "model_a", "model_b", "rule_b")


@dataclass(frozen=True)
class Side:
    """What A is, or B, as caches know it."""

    name: str
    text: str
    rule: RuleChoice


def choose_sides() -> tuple[Side, Side]:
    """A and B, beside each other, and some to try."""
    offer_samples(KEY + "sample", CASES, _take, format_func=lambda case: t(f"compare.case_{case}"))
    found = []
    for column, which in zip(st.columns(2, gap="medium"), ("a", "b"), strict=True):
        with column:
            st.text_input(t(f"compare.text_{which}"), key=KEY + which, on_change=_forget)
            name = choose_any_model(f"{KEY}model_{which}", on_change=_forget)
            rule = rule_now() if which == "a" else _choose_second_rule()
            found.append(Side(name, str(st.session_state[KEY + which] or ""), rule))
    return found[0], found[1]


def _choose_second_rule() -> RuleChoice:
    """B's rule: A's, or another with its usual number."""
    st.segmented_control(
        t("compare.rule_b"), RULES, key=KEY + "rule_b", required=True, wrap=True, on_change=_forget, width="stretch",
        format_func=lambda one: t("compare.rule_same") if one == "same" else t(f"rule.{one}"),
    )  # fmt: skip
    chosen = str(st.session_state[KEY + "rule_b"])
    if chosen in ("same", "soft"):
        return rule_now() if chosen == "same" else SOFT
    setting = SETTINGS.get(chosen)
    return RuleChoice(chosen, None if setting is None else setting.start, chosen != "sparsemax")


def _take(case: str) -> None:
    """A sample was clicked."""
    for box, value in zip(BOXES, CASES[case], strict=True):
        st.session_state[KEY + box] = value
    _forget()
    for box, value in zip(("of", "beside"), WITH.get(case, (OF[0], NO_HEAD)), strict=True):
        st.session_state[KEY + box] = value


def _forget() -> None:
    """A head belongs to what is compared."""
    for box in ("head", "beside"):
        st.session_state[KEY + box] = NO_HEAD


def compared(first: Side, second: Side) -> Compared:
    """Both runs beside each other. Raises `AttnvizError`."""
    traces = []
    for side in (first, second):
        open_model(side.name)
        with st.spinner(t("running", model=plain(side.name)), show_time=True):
            traces.append(_trace(side))
    return _compared(first, second, *traces)


@runs.kept
def _compared(request: Side, what: Side, _first: Trace, _second: Trace) -> Compared:
    """A and B, by the names under which the store knows that their models' files count."""
    from attnviz.experiments.reading.compare import compare

    return compare(_first, _second, same=request.name == what.name)


@runs.kept
def _trace(what: Side) -> Trace:
    from attnviz.recording.record import record

    run = record(model_store().take(what.name), what.text, rule=as_rule(what.rule), predictions=False)
    return run.text_map


def choose_what(found: Compared) -> Compared:
    """Heads or layers, and beside which of B."""
    st.segmented_control(
        t("compare.of"), OF, key=KEY + "of", required=True, wrap=True, on_change=_forget, width="stretch",
        format_func=lambda one: t(f"compare.of_{one}"),
    )  # fmt: skip
    found = found.of_layers() if st.session_state[KEY + "of"] == "layers" else found
    names = {NO_HEAD: t("compare.beside_own" if found.same else "compare.beside_nearest")}
    names |= {found.name(head): called(found, head) for head in found.others}
    if chosen(KEY + "beside") not in names:
        find(KEY + "beside", NO_HEAD)
    st.selectbox(t("compare.beside"), names, key=KEY + "beside", on_change=_forget_head, format_func=names.__getitem__)
    beside = next((head for head in found.others if found.name(head) == st.session_state[KEY + "beside"]), None)
    return found if beside is None else found.with_one(beside)


def _forget_head() -> None:
    """Another ranking begins with its first."""
    st.session_state[KEY + "head"] = NO_HEAD


def choose_head(found: Compared) -> int:
    """Which row of the ranking, the first where none was chosen."""
    names = [found.name(head) for head, _, _ in found.ranked]
    if chosen(KEY + "head") not in names:
        find(KEY + "head", names[0])
    said = {found.name(head): f"{called(found, head)} · {moved:.2f}" for head, _, moved in found.ranked}
    label = t("compare.layer_of_a" if found.layers else "compare.head")
    st.selectbox(label, names, key=KEY + "head", format_func=said.__getitem__, help=t("compare.head_help"))
    return names.index(str(st.session_state[KEY + "head"]))


def take_head(chart: str, names: Sequence[str]) -> None:
    """A point of the ranking was clicked."""
    points = st.session_state[chart].selection.points
    number = int(points[0].get("y", -1)) if points else -1  # rows lie at 0, 1, ...
    if 0 <= number < len(names):
        choose(KEY + "head", names[number])


def called(found: Compared, head: Head) -> str:
    """A head, or a layer, in words."""
    return t("compare.layer", layer=head[0]) if found.layers else found.name(head)
