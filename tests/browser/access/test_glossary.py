"""Words of the field are explained where they stand: by a click or a finger; for the keyboard in the page's help."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from attnviz.messages import say
from tests.browser.person import REST, Visit

Start = Callable[..., Visit]
MARKED = """(word) => {
  const found = window.attnvizGlossary?.ranges.find((one) => one.word.key === word);
  const box = found?.range.getBoundingClientRect();
  return box?.width ? [box.left + box.width / 2, box.top + box.height / 2] : null;
}"""


def place_of(one: Visit, word: str) -> tuple[float, float]:
    """Where a word stands, once nothing moves it any more."""
    before: list[float] = []
    while before != (now := one.page.wait_for_function(MARKED, arg=word).json_value()):
        before = now
        one.page.wait_for_timeout(700)
    return now[0], now[1]


@pytest.mark.parametrize("touch", [False, True], ids=["pointer", "finger"])
def test_a_word_says_what_it_means_and_leads_to_its_page_and_back(visit: Start, touch: bool) -> None:
    size = {"width": 390, "height": 844} if touch else {"width": 1440, "height": 900}
    one = visit({"lang": "zh", "text": "他把书还给了图书馆"}, has_touch=touch, viewport=size)
    (one.page.touchscreen.tap if touch else one.page.mouse.click)(*place_of(one, "query"))
    box = one.page.get_by_role("dialog", name=say("glossary.query", "zh"))
    expect(box).to_contain_text(say("glossary.query_says", "zh"))
    box.get_by_role("button", name=say("ui.page_scaled", "zh")).click()
    one.page.wait_for_url("**/scaled?**")
    one.page.wait_for_function(REST)
    expect(box).to_be_hidden()
    one.page.go_back()
    one.page.wait_for_function("() => !location.pathname.includes('scaled')")
    assert not one.faults


def test_a_word_of_the_page_that_is_open_leads_nowhere_and_escape_puts_it_away(visit: Start) -> None:
    one = visit({"lang": "en"})
    one.page.mouse.click(*place_of(one, "head"))
    box = one.page.get_by_role("dialog", name=say("glossary.head", "en"))
    expect(box).to_contain_text(say("glossary.head_says", "en"))
    expect(box.get_by_role("button")).to_have_count(0)
    one.page.keyboard.press("Escape")
    expect(box).to_be_hidden()


def test_the_keyboard_finds_all_words_in_the_help(visit: Start) -> None:
    one = visit({"lang": "en"})
    one.page.locator(".st-key-help-button button").press("Enter")
    word = one.page.locator(".attnviz-words").get_by_text(say("glossary.entropy", "en"), exact=True)
    says = one.page.get_by_text(say("glossary.entropy_says", "en"))
    expect(says).to_be_hidden()
    word.focus()
    one.page.keyboard.press("Enter")
    expect(says).to_be_visible()
