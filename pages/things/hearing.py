"""What is written down of a sound, and where did each word listen?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.hearing import SCREEN, choices, run, shown

page.heading(SCREEN)
name = choices.choose_model()
left, right = st.columns([4, 8], gap="medium")
with page.reader_errors():
    with left:
        verdict = st.container()
        sound, said = choices.choose_sound()
    choices.open_chosen(name)
    with left:
        request = choices.asked(name, sound)
        shown.notes(request, sound)
    runs = run.read(request.untouched, sound), run.read(request, sound)
    with verdict:
        shown.say_words(runs, request, said)
    with right:
        place = st.container()
        view = choices.choose_view(request, sound, runs[1])
        picture = choices.choose_map(request, view)
        choices.choose_changes((view.part, picture.layer, picture.head))
        with place:
            shown.draw_sound(request, sound, view, picture, said)
        if view.name == "words":
            shown.show_listened(request, sound, view, picture)
            shown.show_moment(view, picture)
        shown.show_heads(request, sound, runs[1])
        shown.draw_numbers(runs[1], view, picture)
        shown.show_held_out(request)
page.done(SCREEN.params)
