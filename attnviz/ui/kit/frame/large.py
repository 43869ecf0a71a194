"""For a projector: text one and a half times as large, and one picture at a time across the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit.languages import t
from attnviz.ui.kit.link import Param, flag

if TYPE_CHECKING:
    from attnviz.figures import Figure

TIMES = 1.5
PROJECTOR = Param("large", "large", False, flag)


def choose_projector() -> None:
    """Large, for a projector, or not."""
    st.toggle(t("frame.projector"), key=PROJECTOR.key, help=t("frame.projector_help"))


def large() -> bool:
    """Is the page shown by a projector?"""
    return bool(st.session_state.get(PROJECTOR.key))


def enlarged(figure: Figure) -> Figure:
    """The figure as a projector shows it, where one does."""
    if not large():
        return figure
    from attnviz.figures.paint.enlarged import enlarge

    return enlarge(figure, TIMES)
