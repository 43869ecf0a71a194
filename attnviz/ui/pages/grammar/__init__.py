"""The page on grammar: which heads look along dependencies or any pairs, and does the model make words agree?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.grammar.choices import PARAMS

SCREEN = Screen("grammar", icon=":material/account_tree:", order=16, section="reading", params=PARAMS)
