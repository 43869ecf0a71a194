"""The readings page: which head reads an ambiguous sentence which way?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.readings.choices import PARAMS

SCREEN = Screen(
    "readings",
    icon=":material/call_split:",
    order=2,
    params=PARAMS,
    title="readings_title",
    look="readings_look",
)
