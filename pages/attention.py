"""Who looks at whom in this sentence, and what changes when the weights do?

The pictures are drawn first, from the choices as they stand; the controls follow. So a picture reaches the browser, and
Plotly begins to load there, before anything else. On a cold server, where that takes seconds, the controls come first.
"""

from attnviz.ui import kit
from attnviz.ui.kit import page, runs
from attnviz.ui.pages.attention import SCREEN, choices, shown

page.heading(SCREEN)
kit.listen_to_head()
places, cold, drawn = shown.frame(), runs.cold(), False
if cold:
    choices.choose(places.box, places.controls)
with page.reader_errors(places.notice):
    now, name = kit.choices_now(), choices.model_now()
    with places.working(name):
        model = runs.model(name)
        soft = runs.trace(name, now.text, kit.SOFT, now.blank)
        again = shown.way_to(name, now)
        run = again()
    rule, style = kit.as_rule(now.rule), kit.style_now(now.scale)
    redrawn = None if now.scope == "run" else rule
    selection = kit.with_cell(run, kit.Selection(*kit.head_now(run), rule=redrawn, specials=now.specials))
    with places.cells:
        kit.draw_heatmap(run, selection, style)
    with places.heads:
        kit.draw_grid(run, selection, style)
    with places.text:
        kit.draw_reader(run, selection, blanks=model.mask_id is not None)
        shown.show_blank(soft, run, rule)
    with places.head_pickers:
        kit.choose_head(run)
    with places.cell_pickers:
        kit.choose_cell(run)
    with places.notice:
        kit.show_cut(run, model.limit)
    with places.why:
        kit.show_why(selection.explained(run), rule, name, now.scope)
        kit.show_sink(run, selection)
    with places.effect:
        shown.show_effect(soft, run, rule)
    with places.bought:
        shown.show_more_heads(name, now.text)
    with places.take:
        kit.take_away(run, selection, style, again=again)
        shown.show_next(run, selection, now, name)
    drawn = True
if not cold:
    choices.choose(places.box, places.controls)
choices.choose_at_the_bottom()
if drawn:  # what nobody sees before a slider is taken or a button pressed comes after all that is seen
    with page.reader_errors():
        whose, kept = (name, now.scope), shown.kept_as(name, now)
        kit.follow_slider(run, selection, style, now.rule, whose, kept)
        kit.foresee_rules(shown.ran(name, now, run), selection, style, whose, kept)
page.done(SCREEN.params)
