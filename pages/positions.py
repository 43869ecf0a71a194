"""Who notices that the words are shuffled, and how is a model told where a word stands?"""

import streamlit as st

from attnviz.ui.kit import controls as choices
from attnviz.ui.kit import page, panels
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.positions import choices as positions
from attnviz.ui.pages.positions import shown as positions_shown

page.heading("positions.title", "positions.look", positions.PARAMS)
text = positions.choose_sentence()
with st.sidebar:
    choices.choose_rule()
    with st.popover(t("models_how"), icon=":material/help:", width="stretch"):
        st.markdown(article("positions"))
with page.reader_errors():
    with st.spinner(t("positions.running"), show_time=True):
        encoded, order = positions.choose_order(text)
        found = positions.all_noticed(encoded, order, choices.rule_now())
    panels.show_cut(found[0].readings["order"].trace, positions.model("none").limit)
    encoding = str(st.session_state[positions.KEY + "encoding"])
    left, right = st.columns([13, 9], gap="medium")
    with left:
        positions_shown.show_who(found, encoding)
        positions_shown.show_answers(found)
    with right:
        positions_shown.draw_beginnings(found)
    encoding = positions.choose_encoding()
    itself, alike, near = st.columns(3, gap="medium")
    with itself:
        positions_shown.draw_encoding(encoding)
    with alike:
        positions_shown.draw_alike(encoding)
    with near:
        positions_shown.draw_near()
    positions_shown.draw_heads(found, encoding)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        positions_shown.show_held_out()
    with right:
        positions_shown.show_lengths()
page.done(positions.PARAMS)
