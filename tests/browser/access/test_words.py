"""What Streamlit says in English alone is said in the reader's language; a projector's mode stays in the link."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from attnviz.messages import say
from tests.browser.person import Visit

Start = Callable[..., Visit]


def test_a_page_that_is_not_there_is_said_in_chinese(visit: Start) -> None:
    one = visit({"lang": "zh"}, name="nowhere")
    expect(one.page.get_by_role("dialog").get_by_text(say("frame.no_page", "zh"))).to_be_visible()
    expect(one.page.get_by_text("Page not found")).to_have_count(0)
    assert one.page.evaluate("() => document.documentElement.lang") == "zh-CN"
    (told,) = one.faults  # Streamlit tells the console too
    assert "does not seem to exist" in told
    one.faults.clear()


def test_a_projector_has_larger_text_and_one_picture_and_the_link_says_so(visit: Start) -> None:
    one = visit({"lang": "en", "large": "1"})
    size = "() => getComputedStyle(document.documentElement).fontSize"
    assert one.page.evaluate(size) == "24px"
    labels = "(chart) => parseFloat(getComputedStyle(chart.querySelector('.ytick text')).fontSize)"
    large = one.chart("heatmap").evaluate(labels)
    expect(one.chart("grid")).to_be_hidden()
    one.page.get_by_text(say("frame.projector", "en"), exact=True).click()
    one.link_says(large=None)
    one.page.wait_for_function(f"() => ({size})() === '16px'")
    expect(one.chart("grid")).to_be_visible()
    one.page.wait_for_function(
        "([selector, large]) => parseFloat(getComputedStyle(document.querySelector(selector)).fontSize) <= large / 1.3",
        arg=[f"{one.place('heatmap')} .ytick text", large],
    )


def test_a_projector_enlarges_the_sentence_too(visit: Start) -> None:
    size = "(face) => getComputedStyle(face).fontSize"
    large, usual = (visit({"lang": "en", **more}).page.locator(".reader .face").nth(1) for more in ({"large": "1"}, {}))
    assert (usual.evaluate(size), large.evaluate(size)) == ("18px", "27px")


def test_a_projector_enlarges_a_picture_its_tiles_and_what_is_said_of_it(visit: Start) -> None:
    """Each 1.5 times; the lines of a long text are as high as their letters ask for."""
    width = "(one) => one.getBoundingClientRect().width"
    sizes = {".stage": width, ".tile canvas": width, ".said": "(one) => parseFloat(getComputedStyle(one).fontSize)"}
    found = []
    for more in ({"large": "1"}, {}):
        page = visit({"lang": "en", **more}, name="seeing").page
        expect(page.locator(".seeing .tile").first).to_be_visible()
        found.append([page.locator(f".seeing {one}").first.evaluate(size) for one, size in sizes.items()])
    assert [round(large / usual, 2) for large, usual in zip(*found, strict=True)] == [1.5] * 3
    line = visit({"lang": "en", "large": "1", "sample": "gettysburg"}, name="long").page.locator(".long .line")
    expect(line.first).to_be_visible()
    assert line.evaluate_all("(all) => all.slice(0, 3).map((one) => [one.style.top, one.offsetHeight])") == [
        ["0px", 44], ["43.5px", 44], ["87px", 44]
    ]  # fmt: skip
