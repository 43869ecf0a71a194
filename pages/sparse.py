"""What is lost, and what is saved, when a query may look at some of the keys only?"""

import streamlit as st

from attnviz.ui.kit import asking, page, panels
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.effect import show_effect
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.sparse import choices as sparse
from attnviz.ui.pages.sparse import shown as pairs

page.heading("sparse.title", "sparse.look", sparse.PARAMS)
with st.sidebar:
    name = asking.choose_model(sparse.KEY)
    pattern = sparse.choose_pattern()
    choices.choose_rule()
    with st.popover(t("sparse.how"), icon=":material/help:", width="stretch"):
        st.markdown(article("sparse"))
text = asking.choose_sentence(sparse.KEY)
with page.reader_errors():
    left, middle, side = st.columns([9, 12, 9], gap="medium")
    with side:
        ran = sparse.run(name, text, pattern)
    found = pairs.own_map(ran.after)
    with middle:
        layer, head = sparse.choose_head(found)
        pairs.draw_head(found, layer, head, ran.query)
    with left:
        pairs.draw_pattern(found, layer, head)
        pairs.say_pairs(ran, pattern, layer, head)
    with side:
        show_effect(ran.before, ran.after, ran.query)
        panels.show_cut(ran.before, ran.model.limit)
        pairs.say_whose(name, pattern)
    st.divider()
    left, right = st.columns([9, 21], gap="medium")
    with left:
        st.markdown(f"**{t('sparse.growth_title')}**")
        pairs.draw_growth(pattern, pairs.allowed_of(found, layer, head), ran.model.kind == "causal")
    with right:
        pairs.draw_accuracy(name)
page.done(sparse.PARAMS)
with page.reader_errors():  # last, for it goes on for as long as someone watches
    pairs.measure(pattern)
