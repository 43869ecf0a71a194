"""Which words make a sentence, which sentences the document, and does the prediction hang on them?"""

import streamlit as st

from attnviz.ui.kit import controls as choices
from attnviz.ui.kit import page
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.hierarchical import choices as asked
from attnviz.ui.pages.hierarchical import shown as shows

page.heading("hierarchical.title", "hierarchical.look", asked.PARAMS)
with st.sidebar:
    model = asked.choose_model()
    choices.choose_rule()
    with st.popover(t("hierarchical.how"), icon=":material/help:", width="stretch"):
        st.markdown(article("hierarchical"))
rule = choices.rule_now()
left, right = st.columns([5, 7], gap="medium")
with left:
    text = asked.choose_document(model)
with page.reader_errors():
    with right:
        shown = asked.read(model, text, rule)
        shows.notices(shown)
        document, one, other = st.container(), *st.columns(2, gap="small")
        with one:
            sentence = asked.choose_sentence(shown)
        with other:
            word = asked.choose_word(shown, sentence)
        with document:
            shows.draw_document(shown, sentence, word)
    with left:
        shows.draw_prediction(shown)
        shows.draw_effect(shown, rule, model, text, sentence, word)
    st.divider()
    bars, why = st.columns([7, 5], gap="medium")
    with bars:
        shows.draw_sentence(shown, sentence, word)
    with why:
        shows.draw_why(shown, sentence, word)
    shows.draw_maps(shown, sentence, word)
    here, average = st.columns(2, gap="medium")
    with here:
        shows.draw_against(shown)
    with average:
        shows.draw_held_out(model)
page.done(asked.PARAMS)
