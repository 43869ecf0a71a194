"""Which film comes next for somebody who has seen these, and which films of the history say so?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.choosing import SCREEN, choices, shown

page.heading(SCREEN)
choices.choose_network()
left, right = st.columns([4, 8], gap="medium")
with left:
    verdict = st.container()
    choices.choose_history()
with page.reader_errors(verdict):
    found = choices.asked()
    with left:
        found = choices.choose_changes(found)
    with verdict:
        shown.say_verdict(found)
    with right:
        if found.before.asks:
            choices.choose_candidates(found.before)
        head = choices.choose_map(found.before)
        shown.show_lit(found, head)
        shown.show_next(found, choices.choose_order())
        shown.show_map(found, head)
        shown.show_importance(found, head)
        shown.show_figures(found)
page.how_it_works("choosing")
page.done(SCREEN.params)
