"""The choices of all pages: Streamlit forgets those of a control that it has not drawn."""

from __future__ import annotations

from attnviz.ui import (
    cases,
    choices,
    directions,
    hierarchical,
    limits,
    long,
    models,
    positions,
    scaled,
    sparse,
    target,
    translation,
)
from attnviz.ui.link import Param

PAGES = (
    choices, cases, models, long, scaled, target, positions, translation, directions, hierarchical, sparse, limits,
)  # fmt: skip


def params() -> dict[str, Param]:
    """Every page's choices, by the key under which the session holds them."""
    return {param.key: param for module in PAGES for param in module.PARAMS.values()}
