"""An SVG as an image of a page, with the sentence that a screen reader says in its place."""

from __future__ import annotations

import html
from base64 import b64encode


def image(svg: str, alt: str, style: str = "", name: str = "") -> str:
    """An `<img>` of a drawing: Streamlit takes SVG itself out of a page's HTML. `name` is its class.

    >>> image("<svg/>", "a < b")
    '<img style="" alt="a &lt; b" src="data:image/svg+xml;base64,PHN2Zy8+">'
    """
    source = "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
    named = f'class="{name}" ' if name else ""
    return f'<img {named}style="{style}" alt="{html.escape(alt, quote=True)}" src="{source}">'
