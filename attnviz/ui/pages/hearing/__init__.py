"""The page on speech: which digits are written down of a sound, and where did each of them listen?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.hearing.choices import PARAMS

SCREEN = Screen(
    "hearing",
    icon=":material/hearing:",
    order=36,
    section="things",
    params=PARAMS,
    members=(Member("speech", 17, "cross", of="cross"),),
)
