"""Which attentions are there, and in what do they differ?"""

from attnviz.ui.kit import page
from attnviz.ui.pages.family.map import PARAMS, draw_map

page.heading("family.title", "family.look", PARAMS)
draw_map()
page.done(PARAMS)
