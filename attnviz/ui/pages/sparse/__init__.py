"""The page on sparse attention: what is lost when a query may look at some keys only?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.sparse.choices import PARAMS

SCREEN = Screen(
    "sparse",
    icon=":material/grid_4x4:",
    order=12,
    section="family",
    params=PARAMS,
    members=(Member("sparse", 12, "window", {"sparse.pattern": "window"}, of="self"),),
)
