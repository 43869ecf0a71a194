"""The translation page: where does a recurrent translator look while it writes?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.translation.choices import PARAMS

SCREEN = Screen(
    "translation",
    icon=":material/translate:",
    order=10,
    section="family",
    params=PARAMS,
    members=(Member("rnn", 8, "cross", of="target"),),
)
