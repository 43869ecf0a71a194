"""What does attention cost, and what do its weights not say?"""

import streamlit as st

from attnviz.ui.kit import choose_rule, page, plain, rule_now, show_cut, t
from attnviz.ui.pages.limits import SCREEN, choices, costs, shown

page.heading(SCREEN)
with st.sidebar:
    name = choices.choose_model()
    choose_rule()
page.how_it_works("limits", "limits.how")
st.markdown(f"**{t('limits.cost_title')}**")
st.caption(t("limits.cost_look"))
work, bar, place, here = costs.frame()
text = choices.choose_sentence()
with page.reader_errors():
    with st.columns([5, 7], gap="small")[0]:
        model, run, at, blank = choices.read(name, text)
    show_cut(run, model.limit)
    with here:
        costs.say_here(name, run)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**{t('limits.sink_title')}**")
        st.caption(t("limits.sink_look"))
        shown.draw_sinks(name, run, text)
        shown.show_hidden(name, text, run, at, blank)
    with right:
        st.markdown(f"**{t('limits.edges_title')}**")
        st.caption(t("limits.edges_look"))
        where = choices.choose_place(run)
        tried = choices.edges((name, text, at, rule_now(), where), model, run)
        if tried is not None:
            shown.draw_edges(tried, run)
            st.caption(t("limits.whose", model=plain(name)))
page.done(SCREEN.params)
with page.reader_errors():  # last, for it goes on for as long as someone watches
    costs.go_on(work, bar, place)
