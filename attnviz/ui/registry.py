"""The choices of all pages: Streamlit forgets those of a control that it has not drawn."""

from __future__ import annotations

from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.link import Param
from attnviz.ui.pages.directions import screen as directions
from attnviz.ui.pages.hierarchical import choices as hierarchical
from attnviz.ui.pages.limits import choices as limits
from attnviz.ui.pages.long import choices as long
from attnviz.ui.pages.models import choices as models
from attnviz.ui.pages.positions import choices as positions
from attnviz.ui.pages.readings import choices as cases
from attnviz.ui.pages.scaled import screen as scaled
from attnviz.ui.pages.sparse import choices as sparse
from attnviz.ui.pages.target import screen as target
from attnviz.ui.pages.translation import choices as translation

PAGES = (
    choices, cases, models, long, scaled, target, positions, translation, directions, hierarchical, sparse, limits,
)  # fmt: skip


def params() -> dict[str, Param]:
    """Every page's choices, by the key under which the session holds them."""
    return {param.key: param for module in PAGES for param in module.PARAMS.values()}
