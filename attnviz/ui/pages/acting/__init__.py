"""The page on acting: an agent in a world of cells, what it looks at on its way, and what happens when it cannot."""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.acting.choices import PARAMS

SCREEN = Screen(
    "acting",
    icon=":material/directions_run:",
    order=44,
    section="things",
    params=PARAMS,
    members=(Member("acting", 20, "one", of="target"),),
)
