"""What does it change whether a token may look both ways, or only back?"""

import streamlit as st

from attnviz.ui import kit
from attnviz.ui.kit import page, runs, t
from attnviz.ui.pages.directions import SCREEN, choices, shown

page.heading(SCREEN)
text = kit.choose_text(choices.KEY, choices.SAMPLES)
with st.sidebar:
    kit.choose_rule()
page.how_it_works("directions", "models_how")
with page.reader_errors():
    with st.spinner(t("directions.reading"), show_time=True):
        whole = runs.trace(choices.BERT, text, kit.SOFT)
    kit.show_cut(whole, runs.model(choices.BERT).limit)
    picked, placed = st.columns([1, 2], gap="medium")
    with picked:
        token = choices.choose_hidden(whole)
    with placed:
        place = kit.choose_head(whole, choices.KEY)
    bert, gpt = choices.pair(text, token, kit.rule_now())
    wanted = whole.encoded.ids[token]
    left, right = st.columns(2, gap="medium")
    with left:
        shown.draw_square(bert, "bert", place, token)
        shown.show_answer(bert, token, "bert", wanted)
        kit.take_away(bert, kit.Selection(*place, token), kit.style_now(), chart="directions.bert")
    with right:
        shown.draw_square(gpt, "gpt", place, token - 1)
        shown.show_answer(gpt, token - 1, "gpt", wanted)
        kit.take_away(gpt, kit.Selection(*place, token - 1), kit.style_now(), chart="directions.gpt")
    shown.show_consulted(bert, gpt, token)
    shown.draw_writing(text, token, kit.rule_now(), place)
page.done(SCREEN.params)
