"""Where in a text does another text, a question or a word, look?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.target import SCREEN, choices, shown

page.heading(SCREEN)
choices.choose_texts()
choices.choose_computation()
with page.reader_errors():
    run = choices.run()
    shown.show_cuts(run)
    query, key = choices.choose_pair(run)
    shown.draw_text(run, query)
    left, right = st.columns(2, gap="medium")
    with left:
        shown.draw_map(run, query, key)
        shown.show_output(run, query)
    with right:
        shown.show_formula(run, query, key)
        shown.show_comparison(query)
    shown.show_held_out()
page.how_it_works("target")
page.done(SCREEN.params)
