"""A series in a browser: hours are hidden by dragging and by keys, shown again, and Back undoes it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from attnviz.messages import say
from tests.browser.person import REST, Visit
from tests.pages.things.foreign_series import saved

Start = Callable[..., Visit]
SEEN = "() => document.documentElement.dataset.series === 'heard'"
PAST, STEPS, LEFT, RIGHT = 72, 96, 46, 10  # of the built-in model; pixels beside the line


def opened(visit: Start, **link: str) -> tuple[Visit, Locator]:
    """The page, and the picture in it."""
    one = visit({"lang": "en", **link}, name="series")
    one.page.wait_for_function(SEEN)
    plot = one.page.locator(".series .plot")
    expect(one.page.locator(".series .tile").first).to_be_visible()
    return one, plot


def at(plot: Locator, step: int, steps: int = STEPS) -> tuple[float, float]:
    """The middle of a step on the line."""
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    return box["x"] + LEFT + (box["width"] - LEFT - RIGHT) * (step + 0.5) / steps, box["y"] + 60


def drag(one: Visit, plot: Locator, first: int, last: int, steps: int = STEPS) -> None:
    """Press on a step, move, and let go on another, once the page is at rest: Back may draw the picture anew."""
    one.page.wait_for_function(REST)
    one.page.mouse.move(*at(plot, first, steps))
    one.page.mouse.down()
    one.page.mouse.move(*at(plot, (first + last) // 2, steps))
    one.page.mouse.move(*at(plot, last, steps))
    one.page.mouse.up()


def test_hours_are_hidden_by_dragging_and_by_keys_and_back_shows_them_again(visit: Start) -> None:
    one, plot = opened(visit)
    drag(one, plot, 60, 65)
    one.link_says(hidden="12-6", hour=None)
    one.says(say("series.how_hidden", "en", what="19 Nov 00:00 to 05:00"))
    drag(one, plot, 70, 68)
    one.link_says(hidden="12-6.4-1")
    one.page.go_back()
    one.link_says(hidden="12-6")
    drag(one, plot, 62, 63)
    one.link_says(hidden="12-10.8-6")
    plot.focus()
    for key in ("h", "ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft"):
        one.page.keyboard.press(key)
    expect(one.page.locator(".series .said")).to_contain_text("11-19 08:00")
    one.page.keyboard.press("Enter")
    one.link_says(hidden="12-10.8-6.4-1")
    one.page.get_by_role("button", name=say("series.show_all", "en")).click()
    one.link_says(hidden=None)


def test_what_the_list_hides_is_shown_again_by_dragging_too(visit: Start) -> None:
    one, plot = opened(visit, without="half")
    drag(one, plot, 66, 71)
    one.link_says(hidden="12-6", without=None)
    one.page.go_back()
    one.link_says(hidden=None, without="half")


def test_a_click_on_the_past_opens_the_patch_there_and_dragging_hides_its_hours(
    visit: Start, tmp_path_factory: object
) -> None:
    folder = saved(tmp_path_factory.mktemp("series") / "patchtst", "patchtst")  # type: ignore[attr-defined]
    one, plot = opened(visit, model=str(folder))
    one.page.mouse.move(*at(plot, 1, 28))
    told = one.page.locator(".series .said")
    expect(told).to_contain_text("18 Nov 14:00 to 19:00. Looks most at")
    one.page.mouse.click(*at(plot, 1, 28))
    one.link_says(hour="0")
    drag(one, plot, 4, 9, 28)
    one.link_says(hidden="18-12", hour="0")
    one.says(say("series.show_all", "en"))
    one.page.get_by_role("button", name="layer 1, head 2").click()
    one.link_says(map="7", hidden="18-12")
