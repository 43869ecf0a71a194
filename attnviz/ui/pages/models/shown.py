"""What the models page says of a model: whose weights these are, and what has no picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import plain, t
from attnviz.ui.pages.models.choices import part_name

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace


def show_facts(model: Model, run: Trace) -> None:
    """Whose weights these are."""
    parts = [
        t("facts_map", part=part_name(part), layers=len(run.map(part).open_layers), heads=run.map(part).n_heads)
        for part in run.parts
    ]
    size = f"{model.parameters / 1e6:,.1f}"
    st.caption(t("facts", model=plain(model.name), kind=t(f"kind_{model.kind}"), size=size, maps=", ".join(parts)))


def show_limits(model: Model, run: Trace) -> None:
    """What has no picture, and what the model does not let one do."""
    from attnviz.trace import Gap

    gaps = {layer for layer in run.layers if isinstance(layer, Gap)}
    for gap in sorted(gaps, key=str):
        numbers = [str(n) for n, layer in enumerate(run.layers) if layer == gap]
        st.caption(t("facts_gap", layers=", ".join(numbers), reason=t(f"gap.{gap.reason}", kind=gap.kind)))
    if model.eager:
        st.info(t("facts_eager", model=model.name), icon=":material/lock:")
