"""What stands round every page: its style, Streamlit's own words in the reader's language, and a phone's two bars.

Streamlit speaks English alone, hides the pages of a narrow screen behind a bare sign, and leaves some of what it draws
without a name. `frame.js` mends that in the browser; nothing of it is seen on a wide screen but the words.
"""

from attnviz.ui.kit.frame.bars import Group, draw_bar, draw_frame
from attnviz.ui.kit.frame.glossary import asked
from attnviz.ui.kit.frame.help import show_help
from attnviz.ui.kit.frame.large import PROJECTOR, choose_projector, enlarged, large
from attnviz.ui.kit.frame.style import dark, style

__all__ = [
    "PROJECTOR", "Group", "asked", "choose_projector", "dark", "draw_bar", "draw_frame", "enlarged", "large",
    "show_help", "style",
]  # fmt: skip
