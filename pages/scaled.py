"""How does one query come to its output: product, scale, mask, weights, sum?"""

import streamlit as st

from attnviz.ui import page, panels, runs, scaled
from attnviz.ui.language import article, t

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
