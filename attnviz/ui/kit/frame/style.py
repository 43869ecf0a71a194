"""How every page looks: `page.css`, and `large.css` for a projector."""

from __future__ import annotations

from functools import cache

import streamlit as st

from attnviz.ui.kit.reader import asset


@cache  # two texts: 8 kB
def style(large: bool) -> str:
    """The style of all pages, as an element of the page."""
    return f"<style>{asset('kit/frame/page.css')}{asset('kit/frame/large.css') if large else ''}</style>"


def dark() -> bool:
    """Does the reader's screen show the dark theme?"""
    return st.context.theme.type == "dark"
