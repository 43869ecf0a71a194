"""How does one query come to its output: product, scale, mask, weights, sum?"""

import streamlit as st

from attnviz.ui.kit import page, panels
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.scaled import screen as scaled
from attnviz.ui.stores import runs

page.heading("scaled.title", "scaled.look", scaled.PARAMS)
scaled.choose_text()
scaled.choose_computation()
with page.reader_errors():
    trace = scaled.own_run()
    panels.show_cut(trace, runs.model(trace.model).limit)
    place = scaled.choose_place(trace)
    shown = scaled.changed_run(trace, place[0], place[3])
    scaled.draw_steps(trace, shown, place)
    scaled.draw_saturation(trace, place)
with st.sidebar, st.popover(t("how_title"), icon=":material/help:", width="stretch"):
    st.markdown(article("scaled"))
page.done(scaled.PARAMS)
