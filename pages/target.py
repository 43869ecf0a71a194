"""Where in a text does another text, a question or a word, look?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.target import screen as target

page.heading("target.title", "target.look", target.PARAMS)
target.choose_texts()
target.choose_computation()
with page.reader_errors():
    trace = target.run()
    target.show_cut(trace)
    query, key = target.choose_pair(trace)
    target.draw_text(trace, query)
    left, right = st.columns(2, gap="medium")
    with left:
        target.draw_map(trace, query, key)
        target.show_output(trace, query)
    with right:
        target.show_formula(trace, query, key)
        target.show_comparison(query)
    target.show_held_out()
with st.sidebar, st.popover(t("how_title"), icon=":material/help:", width="stretch"):
    st.markdown(article("target"))
page.done(target.PARAMS)
