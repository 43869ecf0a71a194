"""Which attentions are there, and in what do they differ?"""

from attnviz.ui import page
from attnviz.ui.family import PARAMS, draw_map

page.heading("family.title", "family.look", PARAMS)
draw_map()
page.done(PARAMS)
