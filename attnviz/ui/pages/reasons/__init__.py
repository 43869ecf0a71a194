"""The page on reading attention: which places does a prediction rest on, and which way of reading may one believe?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.reasons.choices import PARAMS

SCREEN = Screen("reasons", icon=":material/fact_check:", order=14, section="reading", params=PARAMS)
