"""The page of BERT and GPT: what if a token may only look back?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.directions.choices import PARAMS

SCREEN = Screen(
    "directions",
    icon=":material/swap_horiz:",
    order=11,
    section="family",
    params=PARAMS,
    members=(
        Member("bert", 9, of="self"),
        Member("gpt", 10, "causal", of="self"),
    ),
)
