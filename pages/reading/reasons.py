"""Which places does a prediction rest on, and which way of reading attention may one believe?"""

import streamlit as st

from attnviz.ui.kit import choose_rule, page, show_cut, t
from attnviz.ui.pages.reasons import SCREEN, choices, run, shown

page.heading(SCREEN)
with st.sidebar:
    name = choices.choose_model()
    yardstick = choices.choose_yardstick()
    choose_rule()
page.how_it_works("reasons", "reasons.how")
text = choices.choose_sentence()
with page.reader_errors():
    main, side = st.columns([21, 8], gap="medium")
    with side:
        model, ran, asked = choices.choose_prediction(name, text)
    with main:
        found = run.found(model, asked)
    if found is not None:
        with main:
            shown.say_verdict(asked, found, yardstick)
            shown.show_text(asked, found, yardstick)
            shown.say_explained(asked, found, ran)
            show_cut(ran, model.limit)
        with side:
            shown.show_lens(asked, found, ran)
        shown.draw_rows(asked, found, ran, yardstick)
        with st.expander(t("reasons.table")):
            shown.show_table(asked, found, yardstick)
        with st.expander(t("reasons.alike")):
            shown.draw_agreement(asked, found)
st.divider()
st.markdown(f"**{t('reasons.many')}**")
lines = []
with page.reader_errors():
    lines = choices.choose_sentences()
page.done(SCREEN.params)
with page.reader_errors():  # last, for it goes on for as long as someone watches
    shown.many(name, yardstick, lines)
