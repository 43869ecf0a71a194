"""Which heads look along a grammar's edges or any pairs of words, and does the model make its words agree?"""

import streamlit as st

from attnviz.ui.kit import choose_rule, page, t
from attnviz.ui.pages.grammar import SCREEN, choices, shown

page.heading(SCREEN)
with st.sidebar:
    name = choices.choose_model()
    choose_rule()
page.how_it_works("grammar")
task = choices.choose_task()
left, right = st.columns([7, 5], gap="medium")
below = st.container()
with page.reader_errors():
    if task == "agreement":
        with below:
            own = choices.choose_lines(name, "minimal", t("grammar.minimal_start"))
        shown.show_agreement(own, (left, right))
    else:
        with below:
            start = t("grammar.pairs_start")
            asked = choices.choose_trees(name) if task == "trees" else choices.choose_lines(name, "pairs", start)
        shown.show_heads(asked, (left, right))
page.done(SCREEN.params)
