"""Route to the pages; language stands above them all."""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.kit.language import language_picker, t
from attnviz.ui.pages.family.map import SECTIONS

st.set_page_config(page_title="attnviz", page_icon=str(page.ICON), layout="wide")
page.start()
chosen = st.navigation(
    {
        t(f"section_{section}") if section else "": [
            st.Page(screen.file, title=t(f"page_{screen.name}"), icon=screen.icon, default=screen.name == "attention")
            for screen in screens
        ]
        for section, screens in SECTIONS.items()
    },
    position="top",
)
with st.sidebar:
    language_picker()
chosen.run()
