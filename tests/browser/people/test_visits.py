"""Links, languages, keyboards, several people at once; and that nothing leaves the machine."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import expect

from attnviz.ui.pages.attention.choices import PARAMS
from tests.browser.person import Visit
from tests.browser.seats import Seats

Start = Callable[..., Visit]
WHOLE = {
    "lang": "zh", "text": "乒乓球拍卖完了", "model": "lab-8", "layer": "2", "head": "5", "query": "1", "key": "6",
    "blank": "4", "rule": "hard", "hard": "top-p", "renorm": "0", "scope": "run", "scale": "log", "p": "0.55",
}  # fmt: skip


def test_nothing_is_asked_of_another_machine(visit: Start) -> None:
    one = visit({"lang": "zh", "rule": "hard", "scope": "run", "text": "我[MASK]你"})
    one.page.get_by_role("button", name="导出").click()
    one.page.get_by_role("button", name="图片（PNG）").wait_for()
    assert len(one.urls) > 10 and any(url.startswith("ws://localhost") for url in one.urls)
    assert one.strangers() == []


def test_the_first_picture_needs_no_script_and_goes_when_the_page_stands(
    visit: Start, address: str, chromium: Seats
) -> None:
    bare = chromium.browser.new_context(java_script_enabled=False, locale="zh-CN", color_scheme="dark")
    page = bare.new_page()
    page.goto(address)  # the first time: the lesson's own picture
    expect(page.locator("#attnviz-first")).to_contain_text("注意力是什么？")
    page.goto(address)
    dark, light = (page.locator(f"#attnviz-first .attnviz-{name} svg") for name in ("dark", "light"))
    expect(dark).to_be_visible()
    expect(light).to_be_hidden()
    expect(dark).to_contain_text("桥")
    bare.close()
    one = visit()
    expect(one.page.locator("#attnviz-first")).to_have_count(0)


def test_a_link_restores_everything_in_another_browser(visit: Start) -> None:
    one = visit(WHOLE)
    one.link_says(**WHOLE)
    other = visit(dict(parse_qsl(urlsplit(one.page.url).query)), locale="en-US")
    other.link_says(**WHOLE)
    expect(other.part("text").get_by_role("textbox")).to_have_value("乒乓球拍卖完了")
    expect(other.face(4)).to_have_text("[MASK]")
    assert other.cells() == one.cells() and other.cells("grid") == one.cells("grid")
    assert other.page.get_by_text("Outputs moved").count() == 0  # the link's language must win over the browser's


def test_the_browsers_language_is_taken_where_the_link_names_none(visit: Start) -> None:
    chinese, english = visit({}, locale="zh-TW"), visit({}, locale="de-DE")
    expect(chinese.part("text")).to_contain_text("你的句子")
    expect(english.part("text")).to_contain_text("Your sentence")


def test_a_link_with_slips_opens_with_the_defaults(visit: Start) -> None:
    one = visit({"lang": "xx", "model": "lab-3", "layer": "-1", "k": "many", "rule": "?", "scale": "7"})
    one.link_says(model=None, layer=None, k=None, rule=None, scale=None, lang="en")
    assert len(one.cells()) == 9


def test_pickers_work_by_keyboard(visit: Start) -> None:
    one = visit({"lang": "en", "layer": "2", "head": "0"})
    one.part("layer").locator("input").focus()
    one.page.keyboard.press("Tab")
    focused = "() => !!document.activeElement.closest('.st-key-attention-head')"
    one.page.wait_for_function(focused)
    one.page.keyboard.press("ArrowDown")
    one.page.get_by_role("option").first.wait_for()
    one.page.keyboard.press("ArrowDown")
    one.page.keyboard.press("Enter")
    one.page.wait_for_function("() => new URLSearchParams(location.search).get('head') !== '0'")
    one.link_says(layer="2")  # the other picker must stay
    one.page.keyboard.press("Shift+Tab")
    one.page.wait_for_function("() => !!document.activeElement.closest('.st-key-attention-layer')")


def test_tokens_of_the_reader_are_reached_and_lit_by_keyboard(visit: Start) -> None:
    one = visit()
    one.face(1).focus()
    first = one.colours()
    one.page.keyboard.press("Tab")
    assert one.colours() != first or one.page.evaluate("() => document.activeElement !== document.body")
    one.face(5).focus()
    one.page.keyboard.press("Enter")
    one.link_says(query="5")


def test_two_people_with_different_rules_do_not_disturb_each_other(visit: Start) -> None:
    hard = visit({"lang": "en", "rule": "hard", "hard": "argmax", "scope": "run"})
    soft = visit({"lang": "zh"})
    alone = soft.cells()
    assert {cell for row in hard.cells() for cell in row} == {0, 1}
    head = PARAMS["head"].default
    for layer in (0, 2, 1):
        hard.click_point("grid", layer * 4 + head)
        soft.click_point("grid", layer * 4 + head)
        for one in (hard, soft):
            one.link_says(layer=str(layer))
            one.ready()
    soft.click_point("grid", PARAMS["layer"].default * 4 + head)
    soft.link_says(layer=None, rule=None, scope=None, lang="zh")
    soft.wait_for_cells("JSON.stringify(z) === JSON.stringify(arg)", alone)
    assert {cell for row in hard.cells() for cell in row} == {0, 1}
