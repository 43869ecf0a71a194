"""The page on words for pictures: where did each word look, softly and by one drawn place?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.captions.choices import PARAMS

SCREEN = Screen(
    "captions",
    icon=":material/add_photo_alternate:",
    order=34,
    section="things",
    params=PARAMS,
    members=(Member("captions", 14, "cross", of="rnn"),),
)
