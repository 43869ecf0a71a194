"""A page's help stands beside its pictures: opened on demand, by keys too, over no picture, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from attnviz.messages import say
from tests.browser.access.axe import violations
from tests.browser.person import LOOK, Visit
from tests.browser.test_layout import NARROW, WIDE

Start = Callable[..., Visit]
PANEL = ".st-key-help-panel"
INSIDE = f"() => document.activeElement === document.querySelector('{PANEL}')"
FROM_HELP = "() => document.activeElement.closest('.st-key-help-button') !== null"
BOXES = "const [a, b] = names.map((name) => document.querySelector(name).getBoundingClientRect());"
CLEAR = f"""(names) => {{ {BOXES}
  return a.width > 200 && a.height > 200 && (a.right <= b.left || a.bottom <= b.top); }}"""


def open_help(one: Visit) -> None:
    one.page.locator(".st-key-help-button button").press("Enter")
    one.page.locator(PANEL).wait_for()


def test_help_pushes_the_page_aside_and_escape_brings_it_back(visit: Start) -> None:
    one = visit({"lang": "en"}, viewport=WIDE)
    assert one.page.locator(PANEL).count() == 0 and one.page.get_by_text("Redraw or run.").count() == 0
    open_help(one)
    expect(one.page.get_by_role("region", name=say("ui.how_title", "en"))).to_contain_text("Redraw or run.")
    one.page.wait_for_function(INSIDE)
    for name in ("grid", "heatmap"):
        place = f"{one.place(name)} .js-plotly-plot"
        one.page.wait_for_function(CLEAR, arg=[place, PANEL], polling=LOOK)
    one.page.keyboard.press("Escape")
    one.page.locator(PANEL).wait_for(state="detached")
    one.page.wait_for_function(FROM_HELP)
    one.choose("family", say("rule.hard", "en"))  # the page works on
    open_help(one)
    one.page.get_by_role("button", name=say("frame.close_help", "en")).click()
    one.page.locator(PANEL).wait_for(state="detached")


def test_on_a_phone_help_lies_below_the_picture_which_can_be_seen_whole(visit: Start) -> None:
    one = visit({"lang": "en"}, viewport=NARROW, has_touch=True)
    one.page.locator(".st-key-help-button button").tap()
    one.page.locator(PANEL).wait_for()
    one.chart("heatmap").evaluate("(chart) => chart.scrollIntoView({ block: 'start' })")
    one.page.wait_for_function(
        f"(names) => {{ {BOXES} return Math.abs(a.top) < 120 && b.top - a.top > 300 && b.bottom <= innerHeight; }}",
        arg=[f"{one.place('heatmap')} .js-plotly-plot", PANEL], polling=LOOK,
    )  # fmt: skip
    one.page.get_by_role("button", name=say("frame.close_help", "en")).tap()
    one.page.locator(PANEL).wait_for(state="detached")


@pytest.mark.parametrize("look", [("light", WIDE), ("dark", NARROW)], ids=["light", "dark"])
def test_axe_finds_nothing_while_help_is_open(visit: Start, look: tuple[str, dict[str, int]]) -> None:
    one = visit({"lang": "en"}, color_scheme=look[0], viewport=look[1])
    open_help(one)
    one.page.wait_for_function(INSIDE)
    assert violations(one) == []


def test_its_button_lies_over_no_words(visit: Start) -> None:
    one = visit({"lang": "zh"}, viewport=WIDE, name="readings")
    button, verdict = one.page.locator(".st-key-help-button button"), one.page.get_by_text("模型整体更支持").first
    top, words = button.bounding_box(), verdict.bounding_box()
    assert top["y"] >= 58 and top["y"] + top["height"] <= words["y"] + 1
