"""The page on limits: what does attention cost, and what do its weights not say?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.limits.choices import PARAMS

SCREEN = Screen(
    "limits",
    icon=":material/rule:",
    order=13,
    section="family",
    params=PARAMS,
)
