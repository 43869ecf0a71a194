"""The models page: what do the heads of any model do?"""

from attnviz.ui.kit import SHARED, Member, Screen
from attnviz.ui.pages.models.choices import KEY, PARAMS

TRANSLATOR = {
    KEY + "id": "lab-translator", KEY + "map": "cross",
    SHARED + "text": "我想和他去南京。", KEY + "target": "I want to go to Nanjing with him.",
}  # fmt: skip

SCREEN = Screen(
    "models",
    icon=":material/deployed_code:",
    order=3,
    params=PARAMS,
    title="models_title",
    look="models_look",
    members=(Member("cross", 11, "cross", TRANSLATOR, of="target"),),
)
