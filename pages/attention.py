"""Who looks at whom in this sentence, and what changes when the weights do?"""

from attnviz.ui import charts, choices, clicks, page, panels, runs
from attnviz.ui.reader import draw_reader
from attnviz.ui.take import take_away

page.heading()
clicks.listen_to_attention()
text = choices.choose_text()
name, rule, scope, (scale, specials) = page.sidebar()
with page.frame() as places, page.reader_errors():
    with places.working(name):
        loaded = runs.model(name)
        soft = runs.trace(name, text, choices.SOFT, page.blank())
        run = runs.trace(name, text, rule, page.blank()) if scope == "run" else soft
    shown = None if scope == "run" else runs.as_rule(rule)
    with places.heads:
        layer, head = choices.choose_head(run.n_layers, run.n_heads)
    with places.cells:
        query, key = choices.choose_cell(run.tokens)
        charts.draw_heatmap(run, shown, layer, head, (query, key), scale, specials)
    with places.heads:
        charts.draw_grid(run, shown, layer, head, scale, specials)
    with places.notice:
        panels.show_cut(run, loaded.limit)
    with places.text:
        draw_reader(run, shown, layer, head, query, blanks=loaded.mask_id is not None)
    with places.why:
        panels.show_why(run.cell(layer, head, query, key, shown), rule, name, scope)
        panels.show_sink(run, shown, layer, head)
    with places.prediction:
        panels.show_prediction(soft, run, rule)
    with places.bought:
        panels.show_heads(name, text)
    with places.take:
        take_away(run, shown, layer, head, query, scale, specials)
page.done()
