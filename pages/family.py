"""Which attentions are there, and in what do they differ?"""

from attnviz.ui.kit import page
from attnviz.ui.pages.family import SCREEN
from attnviz.ui.pages.family.shown import draw_map

page.heading(SCREEN)
draw_map()
page.done(SCREEN.params)
