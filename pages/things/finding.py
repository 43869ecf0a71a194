"""What does a detector find in a picture, and where did each of its queries look for it?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.finding import SCREEN, choices, shown

page.heading(SCREEN)
name = choices.choose_model()
left, right = st.columns([3, 8], gap="medium")
with page.reader_errors():
    with left:
        verdict = st.container()
        picture = choices.choose_picture()
        shown.notes(picture)
        least = choices.choose_least()
    choices.model_of(name)
    request = choices.asked(name, picture)
    before = choices.read(request.untouched, picture)
    seen = shown.Shown(request, picture, choices.read(request, picture), before, least)
    with verdict:
        shown.say(seen)
    with right:
        place = st.container()
        view = choices.choose_view(seen.trace)
        head = choices.choose_map(view)
        choices.choose_changes(head, seen.trace)
        beside = choices.choose_beside(bool(seen.true), request.changed)
        with place:
            shown.draw_picture(seen, view, head, beside)
        shown.draw_numbers(seen, view, head)
        shown.show_rest(seen)
page.done(SCREEN.params)
