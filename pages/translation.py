"""Where does a recurrent translator look while it writes, and what is lost when it cannot look back?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.translation import choices as translation
from attnviz.ui.pages.translation import shown

page.heading("translation.title", "translation.look", translation.PARAMS)
shown.listen()
with st.sidebar:
    translation.choose_way()
    translation.choose_rule()
    translation.choose_target()
    with st.popover(t("models_how"), icon=":material/help:", width="stretch"):
        st.markdown(article("translation"))
translation.choose_text()
with page.reader_errors():
    what = translation.asked()
    run = translation.run(what)
    shown.show_reading(run, what)
    shown.show_answers(run, what)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        place = shown.choose_head(run)
        picture = st.empty()
    with right:
        cell = shown.choose_cell(run, place)
        shown.show_why(run, what, place, cell)
        shown.draw_lengths(run)
    shown.draw_map(picture, run, what, place, cell)
page.done(translation.PARAMS)
