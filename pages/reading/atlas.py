"""What does every head of a model do, over many sentences, and what is lost without it?"""

import streamlit as st

from attnviz.ui.kit import choose_rule, page
from attnviz.ui.pages.atlas import SCREEN, choices, run, shown

page.heading(SCREEN)
with st.sidebar:
    name = choices.choose_model()
    choose_rule()
page.how_it_works("atlas")
left, right = st.columns([7, 5], gap="medium")
below = st.container()
asked = None
with page.reader_errors():
    with below:
        asked = choices.choose_asked(name)
        choices.bring_heads()
    with left:
        brought = choices.heads_brought()
        found = run.atlas_of(asked) if brought is None else brought.atlas
    if found is not None:
        shown.show(asked, found, (left, right))
page.done(SCREEN.params)
