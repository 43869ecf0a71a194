"""The atlas of heads: every head of a model as a point, by what it does over many sentences."""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.atlas.choices import PARAMS

SCREEN = Screen("atlas", icon=":material/scatter_plot:", order=15, section="reading", params=PARAMS)
