"""What changes in the heads between two sentences, two models or two rules, and what changes most?"""

import streamlit as st

from attnviz.ui.kit import choose_rule, page
from attnviz.ui.pages.compare import SCREEN, choices, shown

page.heading(SCREEN)
with st.sidebar:
    choose_rule()
page.how_it_works("compare")
first, second = choices.choose_sides()
with page.reader_errors():
    shown.show(first, second, choices.compared(first, second))
page.done(SCREEN.params)
