"""Who sits down in a tab where somebody else sat finds it empty, and as wide and as dark as they asked for."""

from __future__ import annotations

from tests.browser.person import Visit
from tests.browser.seats import Seats
from tests.browser.test_layout import NARROW

KEEP = """() => { localStorage.setItem("kept", "1"); sessionStorage.setItem("kept", "1"); document.cookie = "kept=1";
  window.kept = 1; history.pushState({}, "", "?rule=hard"); setInterval(() => console.error("still here"), 10); }"""
KEPT = """() => [localStorage.getItem("kept"), sessionStorage.getItem("kept"), window.kept ?? null,
  document.cookie.includes("kept"), history.length, location.search, innerWidth,
  matchMedia("(prefers-color-scheme: dark)").matches]"""


def test_the_next_person_in_a_tab_finds_nothing_of_the_last(chromium: Seats, address: str) -> None:
    last = Visit(chromium, address, viewport=NARROW, color_scheme="dark").open({"lang": "en"}, "family")
    last.page.evaluate(KEEP)
    assert last.page.evaluate(KEPT) == ["1", "1", 1, True, 3, "?rule=hard", 390, True]
    last.leave()
    heard = list(last.faults)
    new = Visit(chromium, address).open({"lang": "en"}, "family")
    assert new.page == last.page, "the tab is the same"
    assert new.page.evaluate(KEPT) == [None, None, None, False, 2, "?lang=en", 1440, False]
    assert new.urls and new.faults == [] and last.faults == heard, "neither hears the other"
    new.leave()


def test_two_persons_at_once_never_share_a_tab_or_what_it_keeps(chromium: Seats, address: str) -> None:
    one, other = (Visit(chromium, address).open({"lang": "en"}, "family") for _ in range(2))
    assert one.page != other.page
    one.page.evaluate("() => localStorage.setItem('kept', '1')")
    assert other.page.evaluate("() => localStorage.getItem('kept')") is None
    one.leave()
    other.leave()
