"""What does attention cost, and what do its weights not say?"""

import streamlit as st

from attnviz.ui.kit import asking, page, panels
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.limits import choices as limits
from attnviz.ui.pages.limits import costs

page.heading("limits.title", "limits.look", limits.PARAMS)
with st.sidebar:
    name = asking.choose_model(limits.KEY)
    choices.choose_rule()
    with st.popover(t("limits.how"), icon=":material/help:", width="stretch"):
        st.markdown(article("limits"))
st.markdown(f"##### {t('limits.cost_title')}")
st.caption(t("limits.cost_look"))
work, bar, place, here = costs.frame()
text = asking.choose_sentence(limits.KEY)
with page.reader_errors():
    with st.columns([5, 7], gap="small")[0]:
        model, found, at, blank = limits.read(name, text)
    panels.show_cut(found, model.limit)
    with here:
        costs.say_here(name, found)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"##### {t('limits.sink_title')}")
        st.caption(t("limits.sink_look"))
        limits.draw_sinks(name, found, text)
        limits.show_hidden(name, text, found, at, blank)
    with right:
        st.markdown(f"##### {t('limits.edges_title')}")
        st.caption(t("limits.edges_look"))
        where = limits.choose_place(found)
        tried = limits.edges((name, text, at, choices.rule_now(), where), model, found)
        if tried is not None:
            limits.draw_edges(tried, found)
            st.caption(t("limits.whose", model=panels.plain(name)))
page.done(limits.PARAMS)
with page.reader_errors():  # last, for it goes on for as long as someone watches
    costs.go_on(work, bar, place)
