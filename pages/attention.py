"""Who looks at whom in this sentence, and what changes when the weights do?

The pictures are drawn first, from the choices as they stand; the controls follow. So a picture reaches the browser, and
Plotly begins to load there, before anything else. On a cold server, where that takes seconds, the controls come first.
"""

from attnviz.selection import Selection
from attnviz.ui.kit import charts, clicks, page, panels
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.export_menu import take_away
from attnviz.ui.kit.reader import draw_reader
from attnviz.ui.stores import runs

page.heading()
clicks.listen_to_attention()
places, cold = page.frame(), runs.cold()
if cold:
    page.controls(places)
with page.reader_errors(places.notice):
    now = choices.now()
    with places.working(now.model):
        loaded = runs.model(now.model)
        soft = runs.trace(now.model, now.text, choices.SOFT, now.blank)
        run = runs.trace(now.model, now.text, now.rule, now.blank) if now.scope == "run" else soft
    rule = choices.as_rule(now.rule)
    layer, head = choices.within("layer", run.n_layers), choices.within("head", run.n_heads)
    query, key = (choices.within(name, len(run.tokens)) for name in ("query", "key"))
    redrawn = None if now.scope == "run" else rule
    selection, style = Selection(layer, head, query, key, redrawn, now.specials), charts.style_now(now.scale)
    with places.cells:
        charts.draw_heatmap(run, selection, style)
    with places.heads:
        charts.draw_grid(run, selection, style)
    with places.text:
        draw_reader(run, selection, blanks=loaded.mask_id is not None)
    with places.head_pickers:
        choices.choose_head(run.n_layers, run.n_heads)
    with places.cell_pickers:
        choices.choose_cell(run.tokens, run.key_tokens)
    with places.notice:
        panels.show_cut(run, loaded.limit)
    with places.why:
        panels.show_why(run.cell(layer, head, query, key, redrawn), rule, now.model, now.scope)
        panels.show_sink(run, selection)
    with places.prediction:
        panels.show_prediction(soft, run, rule)
    with places.bought:
        panels.show_heads(now.model, now.text)
    with places.take:
        take_away(run, selection, style)
if not cold:
    page.controls(places)
page.done()
