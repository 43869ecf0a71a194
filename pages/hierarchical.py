"""Which words make a sentence, which sentences the document, and does the prediction hang on them?"""

import streamlit as st

from attnviz.ui.kit import choose_rule, page, rule_now
from attnviz.ui.pages.hierarchical import SCREEN, choices, shown

page.heading(SCREEN)
with st.sidebar:
    model = choices.choose_model()
    choose_rule()
page.how_it_works("hierarchical", "hierarchical.how")
rule = rule_now()
left, right = st.columns([5, 7], gap="medium")
with left:
    text = choices.choose_document(model)
with page.reader_errors():
    with right:
        reading = choices.read(model, text, rule)
        shown.notices(reading)
        document, one, other = st.container(), *st.columns(2, gap="small")
        with one:
            sentence = choices.choose_sentence(reading)
        with other:
            word = choices.choose_word(reading, sentence)
        with document:
            shown.draw_document(reading, sentence, word)
    with left:
        shown.draw_prediction(reading)
        shown.draw_effect(reading, rule, model, text, sentence, word)
    st.divider()
    bars, why = st.columns([7, 5], gap="medium")
    with bars:
        shown.draw_sentence(reading, sentence, word)
    with why:
        shown.draw_why(reading, sentence, word)
    shown.draw_maps(reading, sentence, word)
    here, average = st.columns(2, gap="medium")
    with here:
        shown.draw_against(reading)
    with average:
        shown.draw_held_out(model)
page.done(SCREEN.params)
