"""What does an agent look at on its way, and does it still arrive when it cannot?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.acting import SCREEN, choices, measured, run, shown

page.heading(SCREEN)
choices.choose_task()
left, right = st.columns([4, 8], gap="medium")
with page.reader_errors():
    with left:
        verdict, asking = shown.part("verdict"), shown.part("asking")
    with right:
        picture, rest = shown.part("picture"), shown.part("rest")
    with asking:
        request = choices.asked(choices.choose_world())
    played = run.play(request)
    with asking:
        choices.choose_inside(request, played.episode.steps)
    with verdict:
        shown.say_verdict(request, played)
    with picture:
        view = choices.choose_view(request)
        shown.draw_picture(request, played, view)
    with rest:
        shown.show_shares(request, played)
        shown.show_numbers(request, played, view)
        measured.show_figures(request)
        shown.show_own()
page.done(SCREEN.params)
