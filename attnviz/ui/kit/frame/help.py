"""A page's help beside what it explains: a panel that pushes the page aside, and on a phone lies below the picture.

Nothing of it is sent before it is opened. `help.js` gives it its name, the keyboard, and Escape.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from attnviz.ui.kit.frame.glossary import list_words
from attnviz.ui.kit.languages import listed, t

BOX, PANEL = "help", "help-panel"
OPEN = "help.open"  # the name of the page whose help is open; another page's is not


def show_help(name: str, title: str, article: Callable[[], str]) -> None:
    """A button on top of the page, and where it was pressed the article under its title, and the words of the field."""
    with st.container(key=BOX):
        is_open = st.session_state.get(OPEN) == name
        st.button(t("frame.help"), key=f"{BOX}.button", icon=":material/help:", on_click=_turn, args=(name,))
        if is_open:
            with st.container(key=PANEL):
                st.button(
                    t("frame.close_help"), key=f"{BOX}.close", icon=":material/close:", on_click=_turn, args=(name,)
                )
                st.markdown(f"**{title}**")
                st.markdown(article())
                if listed():
                    st.caption(t("frame.listed"))
                list_words()


def _turn(name: str) -> None:
    """Opened where it was closed, closed where it was open."""
    st.session_state[OPEN] = None if st.session_state.get(OPEN) == name else name
