"""What is attention? Five steps on one sentence, each with a guess before the model's answer."""

from attnviz.ui.kit import page
from attnviz.ui.pages.lesson import SCREEN, choices, run, shown

page.heading(SCREEN)
shown.draw_way()
text = choices.choose_sentence()
with page.reader_errors():
    asked = run.read(text)
    shown.draw_block(asked)
    if asked is None:
        shown.say_alone()
    else:
        shown.draw_step(asked)
shown.draw_ends()
page.done(SCREEN.params)
