"""The page on words for pictures: where does each word of a caption look, softly and hard?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.captions.choices import PARAMS

SCREEN = Screen(
    "captions",
    icon=":material/chat_bubble:",
    order=17,
    section="family",
    params=PARAMS,
    members=(Member("captions", 14, of="soft"),),
)
