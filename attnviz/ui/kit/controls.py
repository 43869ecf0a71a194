"""The choices of the attention page as plain values, and the controls that ask for them.

Nothing here imports torch: the controls stand on the screen before the engine is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import streamlit as st

from attnviz.messages import LANGUAGES
from attnviz.selection import SCALES
from attnviz.ui.kit.language import t
from attnviz.ui.kit.link import Param, between, flag, one_of

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.selection import Scale

MODELS = ("lab-1", "lab-2", "lab-4", "lab-8")
FAMILIES = ("soft", "hard", "sparse")
HARD = ("top-k", "threshold", "top-p", "argmax", "sample")
SPARSE = ("sparsemax", "entmax")
SCOPES = ("redraw", "run")
START = "南京市长江大桥"
SAMPLES = (
    START,
    "乒乓球拍卖完了",
    "中华人民共和[MASK]成立",
    "他把书还给了图书馆",
    "The dog chased the cat because it was hungry.",
    "I saw the man with the telescope.",
)


@dataclass(frozen=True)
class Setting:
    """The number of one rule: its name, the range it may take, its start and the step of its slider."""

    name: str
    low: float
    high: float
    start: float
    step: float

    @property
    def kind(self) -> type[int] | type[float]:
        """Whole numbers or not."""
        return int if isinstance(self.start, int) else float


SETTINGS = {
    "soft": Setting("temperature", 0.1, 5.0, 1.0, 0.1),
    "top-k": Setting("k", 1, 16, 2, 1),
    "threshold": Setting("minimum", 0.0, 1.0, 0.1, 0.01),
    "top-p": Setting("p", 0.05, 1.0, 0.9, 0.05),
    "sample": Setting("seed", 0, 99, 0, 1),
    "entmax": Setting("alpha", 1.0, 4.0, 1.5, 0.1),
}

KEY = "attention."
PARAMS = {
    "lang": Param("lang", "lang", None, one_of(*LANGUAGES)),
    "text": Param("text", KEY + "text", START, str),
    "model": Param("model", KEY + "model", "lab-4", one_of(*MODELS)),
    "layer": Param("layer", KEY + "layer", 3, between(0, 999, int)),
    "head": Param("head", KEY + "head", 2, between(0, 999, int)),
    "query": Param("query", KEY + "query", 3, between(0, 99_999, int)),
    "key": Param("key", KEY + "key", 4, between(0, 99_999, int)),
    "blank": Param("blank", KEY + "blank", None, between(0, 99_999, int)),
    "family": Param("rule", KEY + "family", "soft", one_of(*FAMILIES)),
    "hard": Param("hard", KEY + "hard", "top-k", one_of(*HARD)),
    "sparse": Param("sparse", KEY + "sparse", "sparsemax", one_of(*SPARSE)),
    "renormalise": Param("renorm", KEY + "renormalise", True, flag),
    "scope": Param("scope", KEY + "scope", "redraw", one_of(*SCOPES)),
    "scale": Param("scale", KEY + "scale", "unit", one_of(*SCALES)),
    "specials": Param("specials", KEY + "specials", True, flag),
    **{
        setting.name: Param(
            setting.name, KEY + setting.name, setting.start, between(setting.low, setting.high, setting.kind), True
        )
        for setting in SETTINGS.values()
    },
}

# What the rule's controls need on any page that has them.
RULE_PARAMS = {
    name: PARAMS[name]
    for name in ("lang", "family", "hard", "sparse", "renormalise", *(setting.name for setting in SETTINGS.values()))
}


@dataclass(frozen=True)
class RuleChoice:
    """A rule by name: what caches and links know it by. `number` is the rule's own setting, None without one."""

    name: str
    number: float | None
    renormalise: bool


SOFT = RuleChoice("soft", 1.0, False)
KINDS = {  # the engine's class of each rule, by name: to import it would import torch
    "soft": "Soft", "top-k": "TopK", "threshold": "Threshold", "top-p": "TopP", "argmax": "Argmax",
    "sample": "Sample", "sparsemax": "Sparsemax", "entmax": "Entmax",
}  # fmt: skip


def as_rule(choice: RuleChoice) -> Rule:
    """The engine's rule for a choice: below the controls and the keys of caches, rules travel in this form alone."""
    from attnviz.core import rules

    told: dict[str, float | bool] = {"renormalise": choice.renormalise} if choice.name in HARD else {}
    if choice.name in SETTINGS and choice.number is not None:
        told[SETTINGS[choice.name].name] = SETTINGS[choice.name].kind(choice.number)
    made: Rule = getattr(rules, KINDS[choice.name])(**told)
    return made


def rule_title(rule: Rule) -> str:
    """A rule in a few words, as in "top-k (k = 2)"; one that no control makes says itself what it is."""
    name = next((name for name, kind in KINDS.items() if kind == type(rule).__name__), None)
    if name is None:
        return str(rule)
    if name not in SETTINGS:
        return t(f"rule.{name}")
    setting = SETTINGS[name].name
    sign = {"temperature": "T =", "minimum": "≥", "alpha": "α ="}.get(setting, f"{setting} =")
    return f"{t(f'rule.{name}')} ({sign} {getattr(rule, setting):g})"


def choose_text() -> None:
    """The text box with sample sentences beside it."""
    box, samples = st.columns([5, 7], vertical_alignment="bottom", gap="small")
    with box:
        st.text_input(t("text"), key=KEY + "text", placeholder=t("text_placeholder"), on_change=_forget_blank)
    with samples:
        st.pills(t("samples"), SAMPLES, key=KEY + "sample", on_change=_take_sample)


def _forget_blank() -> None:
    """A blank belongs to the text it was made in."""
    st.session_state[KEY + "blank"] = None


def _take_sample() -> None:
    """Put the sample that was clicked into the box, and forget what belonged to the other text."""
    sample = st.session_state[KEY + "sample"]
    if sample:
        st.session_state[KEY + "text"] = sample
        st.session_state[KEY + "sample"] = None
        _forget_blank()


def _one(name: str, options: Sequence[str], label: str, shown: Callable[[str], str], about: str | None = None) -> str:
    """One of a few options, side by side; there is always one."""
    param = PARAMS[name]
    chosen = st.segmented_control(
        label, options, format_func=shown, key=param.key, required=True, help=about, width="stretch"
    )
    return chosen or str(param.default)


def choose_model(param: Param = PARAMS["model"], on_change: Callable[[], None] | None = None) -> str:
    """Which of the four models: 1, 2, 4 or 8 heads."""
    chosen = st.segmented_control(
        t("heads"), MODELS, format_func=lambda name: name.removeprefix("lab-"), key=param.key, required=True,
        help=t("heads_help"), width="stretch", on_change=on_change,
    )  # fmt: skip
    return chosen or str(param.default)


def rule_now() -> RuleChoice:
    """The rule that is chosen, also before its controls are drawn."""
    family = name = _now("family")
    if family != "soft":
        name = _now(family)
    number = st.session_state[KEY + SETTINGS[name].name] if name in SETTINGS else None
    return RuleChoice(name, number, family == "hard" and bool(st.session_state[KEY + "renormalise"]))


def _now(name: str) -> str:
    """The option that is chosen."""
    return str(st.session_state.get(PARAMS[name].key) or PARAMS[name].default)


def choose_rule() -> None:
    """Soft, hard or sparse; which; with which number; renormalised or not."""
    family = name = _one("family", FAMILIES, t("rule"), lambda name: t(f"rule.{name}"))
    if family != "soft":
        name = st.selectbox(
            t("criterion"),
            HARD if family == "hard" else SPARSE,
            format_func=lambda n: t(f"rule.{n}"),
            key=KEY + family,
            label_visibility="collapsed",
        )
    if name in SETTINGS:
        _number(SETTINGS[name])
    if family == "hard":
        st.toggle(t("renormalise"), key=KEY + "renormalise", help=t("renormalise_help"))


def _number(setting: Setting) -> None:
    """A slider for the number of a rule."""
    make = setting.kind
    st.slider(
        t(f"rule.{setting.name}"),
        make(setting.low),
        make(setting.high),
        step=make(setting.step),
        key=KEY + setting.name,
    )


def choose_scope() -> None:
    """Redraw, or run with it."""
    _one("scope", SCOPES, t("scope"), t, t("scope_help"))


def look_now() -> tuple[Scale, bool]:
    """The scale of the colours, and whether [CLS] and [SEP] are drawn."""
    return cast("Scale", _now("scale")), bool(st.session_state[KEY + "specials"])


def choose_look() -> None:
    """The scale of the colours, and whether [CLS] and [SEP] are drawn."""
    _one("scale", SCALES, t("scale"), lambda name: t(f"scale_{name}"))
    st.toggle(t("specials"), key=KEY + "specials")


def within(name: str, count: int) -> int:
    """The number chosen for `name`, drawn into 0 ... count - 1 when the text or the model has become smaller."""
    number = min(int(st.session_state[PARAMS[name].key]), count - 1)
    st.session_state[PARAMS[name].key] = number
    return number


def choose_head(layers: int, heads: int) -> None:
    """Layer and head by picker, for the keyboard and for those who know the number."""
    first, second = st.columns(2, gap="small")
    for name, count, place in (("layer", layers, first), ("head", heads, second)):
        with place:
            st.selectbox(t(name), range(count), key=KEY + name)


def choose_cell(queries: list[str], keys: list[str]) -> None:
    """Query and key by picker."""
    for name, labels, place in zip(("query", "key"), (queries, keys), st.columns(2, gap="small"), strict=True):
        with place:
            st.selectbox(t(name), range(len(labels)), format_func=partial(_numbered, labels), key=KEY + name)


def _numbered(labels: Sequence[str], number: int) -> str:
    """A token with its number."""
    return f"{number} · {labels[number]}"


@dataclass(frozen=True)
class Now:
    """What is chosen, as the pictures need it; the controls themselves may be drawn later."""

    text: str
    model: str
    rule: RuleChoice
    scope: str
    scale: Scale
    specials: bool
    blank: int | None


def now() -> Now:
    """Everything that does not depend on the run."""
    text = str(st.session_state[KEY + "text"] or "")
    return Now(text, _now("model"), rule_now(), _now("scope"), *look_now(), chosen_blank())


def chosen_blank() -> int | None:
    """The token that was blanked, None when there is none."""
    blank: int | None = st.session_state.get(KEY + "blank")
    return blank
