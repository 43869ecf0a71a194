"""What does it change whether a token may look both ways, or only back?"""

import streamlit as st

from attnviz.selection import Selection
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit import page, panels
from attnviz.ui.kit.charts import style_now
from attnviz.ui.kit.export_menu import take_away
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.directions import screen as directions
from attnviz.ui.stores import runs

page.heading("directions.title", "directions.look", directions.PARAMS)
text = directions.choose_sentence()
with st.sidebar:
    choices.choose_rule()
    with st.popover(t("models_how"), icon=":material/help:", width="stretch"):
        st.markdown(article("directions"))
with page.reader_errors():
    with st.spinner(t("directions.reading"), show_time=True):
        whole = runs.trace(directions.BERT, text, choices.SOFT)
    panels.show_cut(whole, runs.model(directions.BERT).limit)
    picked, placed = st.columns([1, 2], gap="medium")
    with picked:
        token = directions.choose_token(text)
    with placed:
        layer, head = directions.choose_head(whole)
    bert, gpt = directions.pair(text, token, choices.rule_now())
    wanted = whole.encoded.ids[token]
    left, right = st.columns(2, gap="medium")
    with left:
        directions.draw_square(bert, "bert", (layer, head), token)
        directions.show_answer(bert, token, "bert", wanted)
        take_away(bert, Selection(layer, head, token), style_now(), chart="directions.bert")
    with right:
        directions.draw_square(gpt, "gpt", (layer, head), token - 1)
        directions.show_answer(gpt, token - 1, "gpt", wanted)
        take_away(gpt, Selection(layer, head, token - 1), style_now(), chart="directions.gpt")
    directions.show_consulted(bert, gpt, token)
    directions.draw_writing(text, token, choices.rule_now())
page.done(directions.PARAMS)
