"""The models page: what do the heads of any model do?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.models.choices import PARAMS

SCREEN = Screen(
    "models",
    icon=":material/deployed_code:",
    order=3,
    params=PARAMS,
    title="models_title",
    look="models_look",
)
