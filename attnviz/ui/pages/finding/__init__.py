"""The page on detectors: what does a model find in a picture, and where did each of its queries look for it?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.finding.choices import PARAMS

SCREEN = Screen(
    "finding",
    icon=":material/frame_inspect:",
    order=32,
    section="things",
    params=PARAMS,
    members=(Member("detection", 14, of="cross"),),
)
