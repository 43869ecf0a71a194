"""Who notices that the words are shuffled, and how is a model told where a word stands?"""

import streamlit as st

from attnviz.ui.kit import choose_rule, choose_text, page, rule_now, show_cut, t
from attnviz.ui.pages.positions import SCREEN, choices, shown

page.heading(SCREEN)
text = choose_text(choices.KEY, choices.SAMPLES, choices.forget_order)
with st.sidebar:
    choose_rule()
page.how_it_works("positions", "models_how")
with page.reader_errors():
    with st.spinner(t("positions.running"), show_time=True):
        encoded, order = choices.choose_order(text)
        noticed = choices.all_noticed(encoded, order, rule_now())
    show_cut(noticed[0].readings["order"].trace, choices.model("none").limit)
    left, right = st.columns([13, 9], gap="medium")
    with left:
        shown.show_who(noticed, choices.encoding_now())
        shown.show_answers(noticed)
    with right:
        shown.draw_beginnings(noticed)
    encoding = choices.choose_encoding()
    itself, alike, near = st.columns(3, gap="medium")
    with itself:
        shown.draw_encoding(encoding)
    with alike:
        shown.draw_alike(encoding)
    with near:
        shown.draw_near()
    shown.draw_heads(noticed, encoding)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        shown.show_held_out()
    with right:
        shown.show_lengths()
page.done(SCREEN.params)
