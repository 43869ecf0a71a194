"""The page on time series: which past hours does each coming hour look at, and what comes?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.series.state import PARAMS

SCREEN = Screen(
    "series",
    icon=":material/show_chart:",
    order=38,
    section="things",
    params=PARAMS,
    members=(Member("series", 18, "cross", of="cross"),),
)
