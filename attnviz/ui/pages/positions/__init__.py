"""The positions page: who notices that the words are shuffled?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.positions.choices import PARAMS

SCREEN = Screen(
    "positions",
    icon=":material/straighten:",
    order=9,
    section="family",
    params=PARAMS,
    members=(Member("positions", 7, of="self"),),
)
