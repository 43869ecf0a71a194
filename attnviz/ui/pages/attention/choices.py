"""What the attention page asks: a sentence, one of four models, a rule, the look of the pictures."""

from __future__ import annotations

from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import (
    FAMILIES,
    MODELS,
    SHARED,
    SHARED_PARAMS,
    Group,
    Param,
    choose_lab_model,
    choose_look,
    choose_rule,
    choose_scope,
    choose_shared_text,
    draw_bar,
    one_of,
    t,
    value_of,
)

KEY = SHARED
PARAMS = {**SHARED_PARAMS, "model": Param("model", KEY + "model", "lab-4", one_of(*MODELS))}


def choose(box: DeltaGenerator, side: DeltaGenerator) -> None:
    """Everything that asks for a choice and does not depend on the run. Drawn after the pictures, which come first."""
    with box:
        choose_shared_text()
    with side:
        choose_lab_model(PARAMS["model"])
        choose_rule()
        choose_scope()
        choose_look()


def choose_at_the_bottom() -> None:
    """The heads and the rule again, where a thumb reaches them while the picture is seen."""
    heads = {name: name.removeprefix("lab-") for name in MODELS}
    rules = {name: t(f"rule.{name}") for name in FAMILIES}
    draw_bar(
        [
            Group(PARAMS["model"], t("heads"), model_now(), heads),
            Group(PARAMS["family"], t("rule_short"), value_of(PARAMS["family"]), rules),
        ]
    )


def model_now() -> str:
    """The model that is chosen."""
    return value_of(PARAMS["model"])
