"""Whom does a node of a graph look at, along the edges that come in, and which class does it get?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.graphs import SCREEN, choices, shown

page.heading(SCREEN)
what = choices.choose_what()
with page.reader_errors():
    if what == "lookup":
        shown.look_up()
    else:
        ask = choices.asked(what)
        left, right = st.columns([4, 8], gap="medium")
        with left:
            verdict = st.container()
            request = choices.choose_node(ask)
            course, found, known = choices.begin(ask)
            shown.notes(found)
        runs = shown.runs_of(found, request)
        with verdict:
            shown.say_class(found, request, runs, course)
        with right:
            head = choices.choose_map(runs[1])
            place = st.empty()
            with place.container():
                shown.show_graph(runs, request, head, known)
        shown.show_heads(runs[1], request)
        if what == "cora":
            shown.show_evenness(request)
        shown.take(runs[1], request, head)
        shown.go_on(course, request, head, place)
page.how_it_works("graphs")
page.done(SCREEN.params)
