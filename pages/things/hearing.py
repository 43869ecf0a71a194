"""Which digits are written down of a sound, and where did each of them listen?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.hearing import SCREEN, choices, run, shown

page.heading(SCREEN)
choices.choose_rules()
left, right = st.columns([4, 8], gap="medium")
with page.reader_errors():
    with left:
        verdict = st.container()
        sound, said = choices.choose_sound()
    request = choices.asked(sound)
    with left:
        shown.notes(sound, run.heard(request, sound))
    runs = run.read(request.untouched, sound), run.read(request, sound)
    with verdict:
        shown.say_words(runs, request, said)
    with right:
        place = st.container()
        part, picture = choices.choose_map(runs[1])
        choices.choose_changes((part.part, picture.layer, picture.head))
        with place:
            shown.draw_sound(request, sound, part, picture, said)
        if part.part == "cross":
            shown.show_listened(request, sound, part, picture)
            shown.show_moment(part, picture)
        shown.draw_numbers(runs[1], part, picture)
        shown.show_held_out()
page.done(SCREEN.params)
