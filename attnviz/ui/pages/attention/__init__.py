"""The attention page: who looks at whom in a sentence?"""

from attnviz.ui.kit import Member, Screen
from attnviz.ui.pages.attention.choices import PARAMS

SCREEN = Screen(
    "attention",
    icon=":material/grid_view:",
    order=1,
    home=True,
    params=PARAMS,
    title="title",
    look="what_to_look_for",
    members=(
        Member("soft", 1, choices={"attention.family": "soft", "attention.model": "lab-1"}),
        Member("hard", 2, choices={"attention.family": "hard", "attention.model": "lab-4"}, of="soft"),
        Member("multi_head", 5, "heads", {"attention.family": "soft", "attention.model": "lab-8"}, of="self"),
    ),
)
