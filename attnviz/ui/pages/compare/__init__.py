"""The page that compares: two sentences, two models, two rules; which heads and which pairs of words changed most?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.compare.choices import PARAMS

SCREEN = Screen("compare", icon=":material/compare:", order=17, section="reading", params=PARAMS)
