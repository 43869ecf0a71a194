"""The page on graphs: whom does a node look at, along the edges that come in, and which class does it get?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.graphs.choices import PARAMS

SCREEN = Screen(
    "graphs",
    icon=":material/hub:",
    order=35,
    section="things",
    params=PARAMS,
    members=(Member("graph", 16, "edges", of="self"),),
)
