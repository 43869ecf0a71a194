"""The page on hierarchical attention: which words make a sentence, which sentences a document?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.hierarchical.choices import PARAMS

SCREEN = Screen(
    "hierarchical",
    icon=":material/segment:",
    order=8,
    section="family",
    params=PARAMS,
    members=(Member("multi_layer", 6, "blocks", of="soft"),),
)
