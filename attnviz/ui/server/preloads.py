"""The scripts that a page of ours needs and Streamlit asks for only once it draws them: named in it from the start.

Streamlit fetches Plotly's 4.7 MB when the first chart has come through the socket, seconds after the page. Named as
`modulepreload` they are fetched and compiled while Streamlit's own script runs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit

# The beginnings of their files' names; the rest changes with every version of Streamlit.
SCRIPTS = (
    "PlotlyChart", "BidiComponent", "serialization", "recordbatch", "Html", "purify.es", "rehype-raw", "rehype-katex",
    "ButtonGroup", "Button", "Checkbox", "Selectbox", "Slider", "TextArea", "useMenuTrigger", "numbro", "moment",
    "useSyncComboBoxEnterTargetFocus",
)  # fmt: skip


@cache  # the names of 18 files: 2 kB
def preloads() -> str:
    """HTML that names them, each that this version of Streamlit has."""
    folder = Path(streamlit.__file__).parent / "static" / "static" / "js"
    found = [path.name for name in SCRIPTS for path in sorted(folder.glob(f"{name}.*.js"))]
    return "".join(f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in found)
