"""Which head reads an ambiguous sentence which way?"""

import streamlit as st

from attnviz.ui.kit import page, plain, show_cut, t
from attnviz.ui.pages.readings import SCREEN, choices, shown
from attnviz.ui.stores import runs

page.heading(SCREEN)
choices.fill()
shown.listen()
choices.choose_sentence()
model = choices.choose_model()
before, after = choices.choose_context()
own = choices.choose_own()
options = choices.offered(own)
choices.show_offered(options)
left, right = st.columns(2, gap="medium")
with left:
    first = choices.choose_reading("first", options)
with right:
    second = choices.choose_reading("second", options)
with page.reader_errors():
    with st.spinner(t("running", model=plain(model)), show_time=True):
        leaning = shown.measured(model, first, second, before, after)
        alone = shown.parsed(first, second)
    show_cut(leaning.trace, runs.model(model).limit)
    shown.draw_readings(leaning, alone, (left, right))
    heads = shown.heads_now(leaning)
    grid, one, other = st.columns([10, 11, 11], gap="medium")
    with grid:
        choices.choose_view()
        shown.draw_lean(leaning, heads)
    shown.draw_heads(leaning, heads, (one, other))
    left, right = st.columns([1, 1], gap="medium")
    with left:
        shown.draw_context(model, first, second, leaning)
    with right:
        shown.show_head_counts(model, first, second, before, after)
page.how_it_works("readings", "readings_how")
page.done(choices.link_params())
