"""The page on target attention: where in a text does another text look?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.target.choices import PARAMS

SCREEN = Screen(
    "target",
    icon=":material/my_location:",
    order=6,
    section="family",
    params=PARAMS,
    members=(Member("target", 3, "one", of="soft"),),
)
