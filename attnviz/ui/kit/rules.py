"""The rule that turns scores into weights: the controls that ask for its name and number.

Nothing here imports torch before a run needs it: the controls stand on the screen before the engine is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.messages import LANGUAGES
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.link import Param, between, flag, one_of
from attnviz.ui.stores import HARD, KINDS, SETTINGS, SPARSE, RuleChoice, Setting, as_rule

if TYPE_CHECKING:
    from attnviz.core.rules import Rule

SHARED = "attention."  # begins the keys of choices that pages share; kept from when one page had them, for old links
FAMILIES = ("soft", "hard", "sparse")


LANGUAGE = Param("lang", "lang", None, one_of(*LANGUAGES))
# What the rule's controls need on any page that has them.
RULE_PARAMS = {
    "lang": LANGUAGE,
    "family": Param("rule", SHARED + "family", "soft", one_of(*FAMILIES)),
    "hard": Param("hard", SHARED + "hard", "top-k", one_of(*HARD)),
    "sparse": Param("sparse", SHARED + "sparse", "sparsemax", one_of(*SPARSE)),
    "renormalise": Param("renorm", SHARED + "renormalise", True, flag),
    **{
        setting.name: Param(
            setting.name, SHARED + setting.name, setting.start, between(setting.low, setting.high, setting.kind), True
        )
        for setting in SETTINGS.values()
    },
}


def rule_title(rule: Rule) -> str:
    """A rule in a few words, as in "top-k (k = 2)"; one that no control makes says itself what it is."""
    name = next((name for name, kind in KINDS.items() if kind == type(rule).__name__), None)
    if name is None:
        return str(rule)
    if name not in SETTINGS:
        return t(f"rule.{name}")
    named = t("rule.softmax" if name == "soft" else f"rule.{name}")
    setting = SETTINGS[name].name
    sign = {"temperature": "T =", "minimum": "≥", "alpha": "α ="}.get(setting, f"{setting} =")
    how = "titled_again" if named.endswith("）") else "titled"
    return t(f"rule.{how}", name=named, setting=f"{sign} {getattr(rule, setting):g}")


def rule_now(family: str = "") -> RuleChoice:
    """The rule that is chosen, also before its controls are drawn; with `family` the one that its press will choose."""
    family = name = family or value_of(RULE_PARAMS["family"])
    if family != "soft":
        name = value_of(RULE_PARAMS[family])
    number = st.session_state[SHARED + SETTINGS[name].name] if name in SETTINGS else None
    return RuleChoice(name, number, family == "hard" and bool(st.session_state[SHARED + "renormalise"]))


def value_of(param: Param) -> str:
    """The option that is chosen; its default where none is."""
    return str(st.session_state.get(param.key) or param.default)


def choose_rule() -> None:
    """Soft, hard or sparse; which; with which number; renormalised or not."""
    family = name = choose_one(RULE_PARAMS["family"], FAMILIES, t("rule"), lambda name: t(f"rule.{name}"))
    if family != "soft":
        name = st.selectbox(
            t("criterion"), HARD if family == "hard" else SPARSE, format_func=lambda n: t(f"rule.{n}"),
            key=SHARED + family, label_visibility="collapsed",
        )  # fmt: skip
    if name in SETTINGS:
        _choose_number(SETTINGS[name])
    if family == "hard":
        st.toggle(t("renormalise"), key=SHARED + "renormalise", help=t("renormalise_help"))


def choose_one(
    param: Param,
    options: Sequence[str],
    label: str,
    named: Callable[[str], str],
    about: str | None = None,
    on_change: Callable[[], None] | None = None,
) -> str:
    """One of a few options, side by side; there is always one."""
    chosen = st.segmented_control(
        label, options, format_func=named, key=param.key, required=True, wrap=True, help=about, width="stretch",
        on_change=on_change,
    )  # fmt: skip
    return chosen or str(param.default)


def _choose_number(setting: Setting) -> None:
    """A slider for the number of a rule."""
    make = setting.kind
    st.slider(
        t(f"rule.{setting.name}"), make(setting.low), make(setting.high), step=make(setting.step),
        key=SHARED + setting.name,
    )  # fmt: skip


def setting_of(choice: RuleChoice) -> str | None:
    """The name of the number that a rule's slider sets; None for a rule without one."""
    return SETTINGS[choice.name].name if choice.name in SETTINGS and choice.number is not None else None


def rules_of_slider(choice: RuleChoice, most: int) -> dict[float, Rule]:
    """The rule at no more than `most` of the values that its slider can take, spread evenly, both ends among them.

    >>> list(rules_of_slider(RuleChoice("top-k", 2, False), 6))
    [1, 4, 7, 10, 13, 16]
    """
    setting = SETTINGS[choice.name]
    steps = round((setting.high - setting.low) / setting.step)
    count = min(most, steps + 1)
    places = [round(place * steps / (count - 1)) for place in range(count)]
    numbers = [round(setting.low + setting.step * place, 6) for place in places]
    return {number: as_rule(RuleChoice(choice.name, number, choice.renormalise)) for number in numbers}
