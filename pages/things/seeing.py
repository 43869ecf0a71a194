"""Where does a vision transformer look, and what does it say of a picture, as it is and changed?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.seeing import SCREEN, choices, shown

page.heading(SCREEN)
name = choices.choose_model()
left, right = st.columns([4, 8], gap="medium")
with page.reader_errors():
    with left:
        verdict = st.container()
        picture = choices.choose_picture()
        shown.notes(picture)
    choices.model_of(name)
    request = choices.asked(name, picture)
    before = choices.read(request.untouched, picture)
    trace = choices.read(request, picture)
    with verdict:
        shown.say_answer(before, trace, request)
        shown.say_truth(picture, before)
        shown.show_shuffled(picture, trace)
    with right:
        place = st.container()
        part = choices.choose_part(trace)
        head = choices.choose_map(part)
        choices.choose_changes(head)
        with place:
            shown.draw_picture(picture, part, head)
        shown.draw_numbers(part, head)
        shown.show_rest(picture, trace, request)
page.done(SCREEN.params)
