"""A picture gets its words: where did each word look, softly or at one drawn place, and was it right?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.captions import SCREEN, beside, choices, shown

page.heading(SCREEN)
name = beside.choose_model()
if name == beside.BUILT_IN:
    choices.choose_rules()
    left, right = st.columns([4, 8], gap="medium")
    with left:
        verdict = st.container()
        shown.draw_canvas()
        choices.choose_scene()
        choices.choose_otherwise()
    with page.reader_errors(verdict):
        given = choices.given_now()
        if given is None:
            with verdict:
                shown.say_nothing_yet()
        else:
            requests = choices.asked(given)
            runs = shown.read_all(given, requests)
            with verdict:
                shown.say_verdict(runs, given)
            with right:
                choices.choose_words(requests)
                shown.draw_words(runs, given)
                shown.show_shares(runs, given)
                shown.show_ways(given)
                shown.draw_numbers(runs)
    with right, page.reader_errors():
        shown.show_held_out()
else:
    beside.show(name)
page.done(SCREEN.params)
