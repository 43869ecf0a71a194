"""The page on scaled dot-product attention: how does one query come to its output?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.scaled.choices import PARAMS

SCREEN = Screen(
    "scaled",
    icon=":material/calculate:",
    order=7,
    section="family",
    params=PARAMS,
    members=(Member("self", 4, choices={"scaled.mask": "none"}, of="soft"),),
)
