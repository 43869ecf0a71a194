"""A link is text: whatever stands in it, no page asks another machine, shows a picture or makes a link of it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from attnviz.ui import registry
from tests.browser.person import PATIENCE, REST, Visit

Start = Callable[..., Visit]
HOSTILE = "![i](http://foreign.test/x.png) <img src=http://foreign.test/y.png> :material/home: www.foreign.test"
MARKS = "*a* _b_ `c` # d > :red[f] :smile: $x^2$ [g](http://foreign.test) <b>h</b> &amp; a@b.test -> ~~i~~ | j"
PAGES = {"" if screen == registry.home() else screen.name: screen.params for screen in registry.screens()}
FREE = {page: [one.name for one in params.values() if one.read is str] for page, params in PAGES.items()}
SEEN = """() => ({
  pictures: [...document.querySelectorAll('img')].filter((one) => one.src.includes('foreign')).length,
  links: [...document.querySelectorAll('a')].filter((one) => /^mailto|^https?:..[^/]*foreign/.test(one.href)).length,
  icons: [...document.querySelectorAll('[aria-label="home icon"]')].length,
})"""
NOTHING = {"pictures": 0, "links": 0, "icons": 0}


LINKS = [
    (page, names, value)
    for page, free in FREE.items()
    for names, value in (
        ([name for name in free if name not in ("model", "id")], HOSTILE),
        ([name for name in free if name in ("model", "id")], f"/nope/{HOSTILE}"),
    )
    if names
]


@pytest.fixture
def reader(visit: Start) -> Visit:
    """Someone who is in the app already."""
    return visit(None, name="family")


def follow(reader: Visit, page: str, names: list[str], value: str) -> None:
    """Open a page by a link that says the same for each of these parameters."""
    link = urlencode({"lang": "en"} | dict.fromkeys(names, value))
    reader.page.goto(f"{reader.address}/{page}?{link}", wait_until="domcontentloaded")
    reader.page.wait_for_function(REST, timeout=PATIENCE * 1000)


def test_no_text_of_a_link_makes_a_page_ask_another_machine(reader: Visit) -> None:
    assert {page for page, _, _ in LINKS} >= {"", "models", "readings", "long", "translation"}
    for page, names, value in LINKS:
        follow(reader, page, names, value)
        assert (page, reader.page.evaluate(SEEN)) == (page, NOTHING)
        assert (page, reader.strangers()) == (page, [])


def test_what_is_escaped_stands_as_it_was_typed_and_does_nothing(reader: Visit) -> None:
    follow(reader, "models", ["id"], f"/nope/{MARKS}")
    text = reader.page.get_by_text("There is no folder or file").first
    assert f"/nope/{MARKS} on this machine" in text.inner_text().replace("\u2060", "")
    assert text.evaluate("(one) => one.querySelectorAll('*').length") == 0
