"""On a phone: where one is and the language on top, every page one tap away, heads and rule below the picture."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from attnviz.messages import say
from attnviz.ui import registry
from tests.browser.person import Visit

Start = Callable[..., Visit]
PHONE = {
    "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
}  # fmt: skip
FITS = "(all) => all.every((one) => one.scrollWidth <= one.clientWidth + 1)"
CELLS = """(row) => [...row.cells].slice(1).map((cell) => [
  getComputedStyle(cell, '::before').content, cell.textContent, cell.getBoundingClientRect().right <= innerWidth])"""
SEEN = "(one) => { const box = one.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"


def test_a_phone_says_where_one_is_and_every_page_is_one_tap_away(visit: Start) -> None:
    one = visit({"lang": "zh"}, **PHONE)
    bar = one.page.locator("#attnviz-top")
    for words in ("attnviz", say("ui.page_attention", "zh"), "中文", "English"):
        expect(bar.get_by_text(words, exact=True)).to_be_visible()
    menu = one.page.get_by_test_id("stExpandSidebarButton")
    assert say("frame.menu", "zh") in menu.evaluate("(one) => getComputedStyle(one, '::after').content")
    menu.tap()
    pages = one.page.get_by_test_id("stSidebarNav")
    for screen in registry.screens():
        expect(pages.get_by_text(say(f"ui.page_{screen.name}", "zh"), exact=True)).to_be_visible()
    pages.get_by_text(say("ui.page_family", "zh"), exact=True).tap()
    expect(bar.get_by_text(say("ui.page_family", "zh"), exact=True)).to_be_visible()
    expect(one.page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
    bar.get_by_text("English", exact=True).tap()
    expect(bar.get_by_text(say("ui.page_family", "en"), exact=True)).to_be_visible()
    assert one.page.evaluate("() => document.documentElement.lang") == "en"
    expect(one.page.locator("#attnviz-bottom")).to_have_count(0)


def test_heads_and_rule_are_chosen_below_the_picture_that_they_change(visit: Start) -> None:
    one = visit({"lang": "en"}, **PHONE)
    expect(one.page.get_by_text("Tap ▢").first).to_be_visible()
    one.chart("heatmap").scroll_into_view_if_needed()
    bar, before = one.page.locator("#attnviz-bottom"), one.cells()
    bar.get_by_text(say("rule.hard", "en"), exact=True).tap()
    after = one.wait_for_cells("JSON.stringify(z) !== JSON.stringify(arg)", before)
    assert after != before and bar.evaluate(SEEN)
    assert one.chart("heatmap").evaluate("(one) => one.getBoundingClientRect().top < innerHeight - 100")
    one.link_says(rule="hard")
    bar.get_by_text("8", exact=True).tap()
    one.link_says(model="lab-8")
    expect(bar.get_by_text("8", exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_tablet_that_calls_itself_a_mac_is_told_to_tap(visit: Start) -> None:
    mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/26.0 Safari/605.1.15"
    one = visit({"lang": "en"}, **{**PHONE, "viewport": {"width": 1024, "height": 1366}, "user_agent": mac})
    expect(one.page.get_by_text("Tap ▢").first).to_be_visible()


def test_the_last_column_of_the_step_table_is_reached_by_scrolling_it_alone(visit: Start) -> None:
    one = visit({"lang": "en"}, name="scaled", **PHONE)
    assert one.page.evaluate("() => document.scrollingElement.scrollWidth - innerWidth") <= 0
    reach = """(one) => { let box = one; while (box && box.scrollWidth <= box.clientWidth + 1) box = box.parentElement;
      if (!box) return 0; box.scrollLeft = 1e6; return one.getBoundingClientRect().right - innerWidth; }"""
    assert one.page.locator(".steps tr:nth-child(2) th").last.evaluate(reach) <= 1


def test_a_table_too_wide_for_a_phone_becomes_cards_that_say_what_each_number_is(visit: Start) -> None:
    one = visit({"lang": "en"}, name="target", **PHONE)
    card = one.page.locator("[data-cards] tbody tr").first
    expect(card.get_by_role("cell")).to_have_count(7)
    found = card.evaluate(CELLS)
    heads = one.page.locator("[data-cards] th").all_text_contents()[1:]
    assert [said.strip('"') for said, _, _ in found] == heads
    assert all(value and inside for _, value, inside in found)
    assert one.page.locator("[data-cards]").evaluate_all(FITS)


def test_a_table_that_fits_stays_a_table(visit: Start) -> None:
    one = visit({"lang": "en"}, name="target", viewport={"width": 1440, "height": 900})
    expect(one.page.locator("table").first).to_be_visible()
    expect(one.page.locator("[data-cards]")).to_have_count(0)
