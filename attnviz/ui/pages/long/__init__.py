"""The page on long texts: what does a head do over thousands of tokens?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.long.choices import PARAMS

SCREEN = Screen(
    "long",
    icon=":material/zoom_in:",
    order=4,
    params=PARAMS,
)
