"""How does one query come to its output: product, scale, mask, weights, sum?"""

from attnviz.ui.kit import SAMPLES, choose_text, page, runs, show_cut
from attnviz.ui.pages.scaled import SCREEN, choices, shown

page.heading(SCREEN)
text = choose_text(choices.KEY, SAMPLES)
choices.choose_computation()
with page.reader_errors():
    run = choices.own_run(text)
    show_cut(run, runs.model(run.model).limit)
    place = choices.choose_place(run)
    changed = choices.changed_run(run, place[0], place[3])
    shown.draw_steps(run, changed, place)
    shown.draw_saturation(run, place)
page.how_it_works("scaled")
page.done(SCREEN.params)
