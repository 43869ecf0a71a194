"""What do the heads of any model do, and what does the model say when they are changed?"""

import streamlit as st

from attnviz.ui import kit
from attnviz.ui.kit import page, plain, t
from attnviz.ui.pages.models import SCREEN, choices, shown

page.heading(SCREEN)
kit.listen_to_head()
shown.collect()
with st.sidebar:
    choices.choose_model()
    kit.choose_rule()
    kit.choose_scope()
    in_layers = st.container()
    kit.choose_look()
page.how_it_works("models", "models_how")
kit.choose_shared_text()
second, blocks = st.columns([5, 7], gap="small", vertical_alignment="center")
in_force, run, before = st.container(), None, None
with page.reader_errors():
    model = choices.chosen_model()
    shown.choose_pair(model, second)
    request = choices.request_now(model)
    shown.choose_reading(model)
    (unit, part, write), busy = st.columns([4, 4, 3], gap="medium"), st.container()
    shown.choose_writing(model, request, write, busy)
    with busy, st.spinner(t("running", model=plain(model.name)), show_time=True):
        before, after = choices.both_runs(request)
    shown.choose_one(model, request, after is not before)
    shown.show_limits(model, before)
    with part:
        run = choices.choose_part(after)
    with unit:
        by = choices.choose_unit()
    with in_layers:
        choices.choose_layers(run)
    rule, now = choices.redrawn(model), kit.choices_now()
    with blocks:
        block, told = choices.choose_block(run), st.empty()
    text, (left, middle, side) = st.container(), st.columns([10, 12, 8], gap="medium")
    with left:
        place = kit.choose_head(run)
        style = kit.style_now(now.scale)
        selection = kit.with_cell(run, kit.Selection(*place, rule=rule, specials=now.specials, by=by, block=block))
        shown.draw_heads(run, selection, style)
    shown.show_shares(told, run, selection)
    with text:
        kit.draw_reader(run, selection, blanks=model.mask_id is not None)
    with middle:
        shown.draw_head(run, selection, style, model, request)
    with side:
        shown.explain(model, before, run, selection, style, choices.way_to(request, run.part))
    shown.show_change(before, after, run, selection, style)
    shown.show_facts(model, before)
with in_force:
    shown.show_changes(run, before)
page.done(SCREEN.params)
