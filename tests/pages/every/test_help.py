"""A page's help is sent when it is asked for, beside the page, and goes when it is closed."""

from __future__ import annotations

from importlib.resources import files

from attnviz.messages import say
from tests.pages.opened import by_key, run_page, said

BUTTON = "help.button"
ARTICLE = files("attnviz").joinpath("content", "en", "limits.md")


def test_nothing_of_a_help_is_sent_before_it_is_asked_for_nor_after() -> None:
    at = run_page("limits", "en", {})
    first, title = ARTICLE.read_text(encoding="utf-8").splitlines()[0], say("glossary.title", "en")
    assert first not in said(at) and title not in said(at)
    by_key(at, BUTTON).click().run()
    assert first in said(at) and title in said(at)
    by_key(at, "help.close").click().run()
    assert first not in said(at) and title not in said(at)
