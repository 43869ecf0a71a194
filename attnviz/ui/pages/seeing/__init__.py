"""The page on pictures: where does a vision transformer look, and what does it say of what it sees?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.seeing.choices import PARAMS

SCREEN = Screen(
    "seeing",
    icon=":material/visibility:",
    order=30,
    section="things",
    params=PARAMS,
    members=(Member("vision", 13, of="self"),),
)
