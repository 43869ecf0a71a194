"""Which head reads an ambiguous sentence which way?"""

import streamlit as st

from attnviz.ui.kit import page, panels
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.readings import choices as cases
from attnviz.ui.pages.readings import shown as readings
from attnviz.ui.stores import runs

page.heading("readings_title", "readings_look", cases.PARAMS)
cases.fill()
readings.listen()
cases.choose_sentence()
model = cases.choose_model()
before, after = cases.choose_context()
own = cases.choose_own()
with st.spinner(t("cutting")):
    options = cases.offered(st.session_state[cases.KEY + "text"], own)
cases.show_offered(options)
left, right = st.columns(2, gap="medium")
with left:
    first = cases.choose_reading("first", options)
with right:
    second = cases.choose_reading("second", options)
with page.reader_errors():
    with st.spinner(t("running", model=panels.plain(model)), show_time=True):
        shown = readings.measured(model, first, second, before, after)
        alone = readings.parsed(first, second)
    panels.show_cut(shown.trace, runs.model(model).limit)
    readings.draw_readings(shown, alone, (left, right))
    heads = readings.opened(shown)
    grid, one, other = st.columns([10, 11, 11], gap="medium")
    with grid:
        cases.choose_view()
        readings.draw_lean(shown, heads)
    readings.draw_heads(shown, heads, (one, other))
    left, right = st.columns([1, 1], gap="medium")
    with left:
        readings.draw_context(model, first, second, shown)
    with right:
        readings.show_heads(model, first, second, before, after)
with st.sidebar, st.popover(t("readings_how"), icon=":material/help:", width="stretch"):
    st.markdown(article("readings"))
page.done(cases.link_params())
