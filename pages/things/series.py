"""Which hours of the past does each coming hour of a series look at, and what does it say will come?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.series import SCREEN, choices, shown

page.heading(SCREEN)
what = choices.choose_what()
left, right = st.columns([4, 8], gap="medium")
with left:
    verdict = st.container()
with page.reader_errors(verdict):
    with left:
        found = shown.begin(what)
    with right:
        place = st.empty()
        with place.container():
            if found.asked is None:
                shown.draw_line(found)
            else:
                changes = choices.changes_now(found.asked)
                runs = shown.runs_of(found.asked, changes)
                maps = shown.maps_of(found.asked, runs)
                shown.draw_series(found.asked, changes, runs, maps)
    if found.asked is not None:
        with verdict:
            shown.say_forecast(found.asked, changes, runs)
        with left:
            choices.choose_changes(found.asked, maps[0])
        with right:
            shown.show_evidence(found.asked, runs[1], *maps)
            shown.show_rest(found.asked, changes, runs[1])
    found.go_on(place)
page.how_it_works("series")
page.done(SCREEN.params)
