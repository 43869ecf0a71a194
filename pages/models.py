"""What do the heads of any model do, and what does the model say when they are changed?"""

import streamlit as st

from attnviz.selection import Selection
from attnviz.ui.kit import charts, clicks, page, panels
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.effect import show_effect
from attnviz.ui.kit.export_menu import take_away
from attnviz.ui.kit.language import article, t
from attnviz.ui.kit.reader import draw_reader
from attnviz.ui.pages.models import changes, writing
from attnviz.ui.pages.models import choices as models

page.heading("models_title", "models_look", models.PARAMS)
clicks.listen_to_attention()
writing.collect()
with st.sidebar:
    models.choose_model()
    choices.choose_rule()
    choices.choose_scope()
    in_layers, in_force = st.container(), st.container()
    choices.choose_look()
    with st.popover(t("models_how"), icon=":material/help:", width="stretch"):
        st.markdown(article("models"))
choices.choose_text()
run = None
with page.reader_errors():
    model = models.opened()
    models.choose_target(model)
    what = models.asked(model)
    row, busy = st.container(), st.container()
    with row:
        unit, part, write = st.columns([4, 4, 3], gap="medium")
    with write:
        writing.choose_writing(model, what, busy)
    with busy, st.spinner(t("running", model=panels.plain(model.name)), show_time=True):
        before = models.trace(what.untouched())
        after = before if what == what.untouched() else models.trace(what)
    panels.show_cut(before, model.limit)
    models.show_limits(model, before)
    with part:
        run = models.choose_part(after)
    with unit:
        by = models.choose_unit()
    with in_layers:
        models.choose_layers(run)
    rule, now = models.redrawn(model), choices.now()
    style = charts.style_now(now.scale)
    text = st.container()
    left, middle, side = st.columns([10, 12, 8], gap="medium")
    with left:
        layer, head = models.choose_head(run)
        query, key = choices.within("query", len(run.tokens)), choices.within("key", len(run.key_tokens))
        selection = Selection(layer, head, query, key, rule, now.specials, by)
        charts.draw_grid(run, selection, style)
    with text:
        draw_reader(run, selection, blanks=model.mask_id is not None)
    with middle:
        choices.choose_cell(run.tokens, run.key_tokens)
        charts.draw_heatmap(run, selection, style)
    with side:
        cell = run.cell(layer, head, query, key, rule)
        panels.show_why(cell, choices.as_rule(now.rule), model.name, models.scope(model))
        panels.show_sink(run, selection)
        take_away(run, selection, style)
        changes.choose(run, selection, locked=model.eager)
    show_effect(before.map(run.part), run, query)
    models.show_facts(model, before)
with in_force:
    changes.show(run)
page.done(models.PARAMS)
