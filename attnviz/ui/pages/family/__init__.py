"""The map of the family: which attentions are there, and in what do they differ?"""

from attnviz.ui.kit import LANGUAGE, Screen

SCREEN = Screen(
    "family",
    icon=":material/account_tree:",
    order=5,
    params={"lang": LANGUAGE},
)
