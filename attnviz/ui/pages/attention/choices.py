"""What the attention page asks: a sentence, one of four models, a rule, the look of the pictures."""

from __future__ import annotations

from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import (
    MODELS,
    SHARED,
    SHARED_PARAMS,
    Param,
    choose_lab_model,
    choose_look,
    choose_rule,
    choose_scope,
    choose_shared_text,
    one_of,
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


def model_now() -> str:
    """The model that is chosen."""
    return value_of(PARAMS["model"])
