"""How every page looks: `page.css`, and `large.css` for a projector."""

from __future__ import annotations

from functools import cache

from attnviz.ui.kit.reader import asset


@cache  # two texts: 8 kB
def style(large: bool) -> str:
    """The style of all pages, as an element of the page."""
    return f"<style>{asset('kit/frame/page.css')}{asset('kit/frame/large.css') if large else ''}</style>"
