"""Where does a recurrent translator look while it writes, and what is lost when it cannot look back?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.translation import SCREEN, choices, shown

page.heading(SCREEN)
shown.listen()
with st.sidebar:
    choices.choose_way()
    choices.choose_decoder_rule()
    choices.choose_target()
page.how_it_works("translation", "models_how")
choices.choose_sentence()
with page.reader_errors():
    request = choices.request_now()
    run = choices.run(request)
    shown.show_reading(run, request)
    shown.show_answers(run, request)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        place = shown.choose_open_head(run)
        picture = st.empty()
    with right:
        cell = shown.choose_pair(run, place)
        shown.show_why(run, request, place, cell)
        shown.draw_lengths(run)
    shown.draw_map(picture, run, request, place, cell)
page.done(SCREEN.params)
