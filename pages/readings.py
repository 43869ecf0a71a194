"""Which head reads an ambiguous sentence which way?"""

import streamlit as st

from attnviz.ui.kit import page, plain, runs, show_cut, t
from attnviz.ui.pages.readings import SCREEN, choices, heldout, shown

page.heading(SCREEN)
choices.fill()
shown.listen()
choices.choose_sentence()
options = choices.offered(choices.own_words())
first, second = choices.choose_readings(options)
model = choices.choose_model()
around = choices.choose_context()
choices.choose_own()
choices.show_offered(options)
with page.reader_errors():
    with st.spinner(t("running", model=plain(model)), show_time=True):
        alone = shown.alone(first, second)
        leaning = shown.measured(model, first, second, around, choices.spaces_out())
    show_cut(leaning.trace, runs.model(model).limit)
    shown.tell_verdict(model, leaning)
    shown.draw_sentences(leaning, alone)
    shown.tell_why(model)
    heads = shown.heads_now(leaning)
    grid, one, other = st.columns([10, 11, 11], gap="medium")
    with grid:
        shown.draw_lean(leaning, heads)
    shown.draw_heads(leaning, heads, (one, other))
    with one:
        choices.choose_view()
    with st.expander(t("readings.details")):
        context, counts, evidence, held_out = st.tabs(
            [t("context_title"), t("readings.by_heads"), t("readings.evidence"), t("held.title")]
        )
        with context:
            shown.draw_context(model, first, second, leaning)
        with counts:
            shown.show_head_counts(model, (first, second), around)
        with evidence:
            shown.show_evidence(leaning)
        with held_out:
            heldout.show_held_out()
page.how_it_works("readings", "readings_how")
page.done(choices.link_params())
