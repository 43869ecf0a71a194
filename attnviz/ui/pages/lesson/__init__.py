"""The first lesson: what is attention, in five steps on one sentence?"""

from attnviz.ui.kit import Screen
from attnviz.ui.pages.lesson.choices import PARAMS

SCREEN = Screen(
    "lesson",
    icon=":material/school:",
    order=0,
    params=PARAMS,
)
