"""What is lost, and what is saved, when a query may look at some of the keys only?"""

import streamlit as st

from attnviz.ui.kit import choose_head, choose_rule, page, show_cut, show_effect, t
from attnviz.ui.pages.sparse import SCREEN, choices, shown

page.heading(SCREEN)
with st.sidebar:
    name = choices.choose_model()
    pattern = choices.choose_pattern()
    choose_rule()
page.how_it_works("sparse", "sparse.how")
text = choices.choose_sentence()
with page.reader_errors():
    left, middle, side = st.columns([9, 12, 9], gap="medium")
    with side:
        ran = choices.run(name, text, pattern)
    run = shown.own_map(ran.after)
    with middle:
        layer, head = choose_head(run, choices.KEY)
        shown.draw_head(run, layer, head, ran.query)
    with left:
        shown.draw_pattern(run, layer, head)
        shown.say_pairs(ran, pattern, layer, head)
    with side:
        show_effect(ran.before, ran.after, ran.query)
        show_cut(ran.before, ran.model.limit)
        shown.say_whose(name, pattern)
    st.divider()
    left, right = st.columns([9, 21], gap="medium")
    with left:
        st.markdown(f"**{t('sparse.growth_title')}**")
        shown.draw_growth(pattern, shown.allowed_of(run, layer, head), ran.model.kind == "causal")
    with right:
        shown.draw_accuracy(name)
page.done(SCREEN.params)
with page.reader_errors():  # last, for it goes on for as long as someone watches
    shown.measure(pattern)
