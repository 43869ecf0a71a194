"""The page on choosing: which film comes next, and which films of the history say so?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.choosing.choices import PARAMS

SCREEN = Screen(
    "choosing",
    icon=":material/movie:",
    order=42,
    section="things",
    params=PARAMS,
    members=(Member("recommendation", 19, "one", of="target"),),
)
