"""An episode in a browser: stepped through and played without the server, by keys alone; changed, undone."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from attnviz.messages import say
from attnviz.systems.acting.system import load
from attnviz.systems.acting.world import start
from tests.browser.person import Visit

Start = Callable[..., Visit]
STEPS = load("agent-doorkey").play(start("doorkey", 8, 3)).steps
SEEN = "() => document.documentElement.dataset.acting === 'heard'"


def opened(visit: Start, **link: str) -> Visit:
    """The page, its world standing there."""
    one = visit({"lang": "en", **link}, name="acting")
    one.page.wait_for_function(SEEN)
    return one


def time_line(one: Visit) -> Locator:
    return one.page.get_by_role("slider", name=say("acting.time", "en"))


def picture(one: Visit) -> Locator:
    return one.page.locator(".acting .stage canvas")


def button(one: Visit, name: str) -> Locator:
    return one.page.get_by_role("button", name=say(f"acting.{name}", "en"), exact=True)


def at_step(one: Visit, step: int, last: int = STEPS) -> None:
    """Wait until the picture says that this step is shown."""
    expect(picture(one)).to_have_attribute("aria-label", re.compile(rf"^Step {step} of {last}:"))


def clicked(one: Visit, column: int, row: int) -> None:
    """Click on a cell of the world."""
    box = picture(one).bounding_box()
    assert box is not None
    picture(one).click(position={"x": box["width"] * (column + 0.5) / 8, "y": box["height"] * (row + 0.5) / 8})


def test_the_time_line_goes_by_keys_and_the_step_of_rest_stands_in_the_link(visit: Start) -> None:
    one = opened(visit)
    at_step(one, 0)
    keys, last = one.page.keyboard, STEPS
    time_line(one).focus()
    right, left = ("ArrowRight", "ArrowLeft")
    for key, step in ((right, 1), (right, 2), (left, 1), ("End", last), ("Home", 0), ("End", last)):
        keys.press(key)
        at_step(one, step)
    expect(time_line(one)).to_have_attribute("aria-valuetext", say("acting.step", "en", step=STEPS, last=STEPS))
    one.link_says(step=str(STEPS))
    expect(button(one, "on")).to_be_disabled()
    button(one, "first").click()
    at_step(one, 0)


def test_play_goes_on_by_itself_to_the_end_and_pause_holds_it(visit: Start) -> None:
    one = opened(visit)
    at_step(one, 0)
    one.page.wait_for_timeout(500)  # what the page still sends of itself
    sent = one.frames
    button(one, "fast").click()
    button(one, "play").click()
    at_step(one, 3)
    assert one.frames == sent
    button(one, "pause").click()
    shown = picture(one).get_attribute("aria-label")
    one.page.wait_for_timeout(600)  # nothing moves while it is held
    assert picture(one).get_attribute("aria-label") == shown
    button(one, "play").click()
    at_step(one, STEPS)
    expect(button(one, "play")).to_be_visible()
    button(one, "play").click()  # from the end: again from the start
    at_step(one, 1)


def test_a_wall_is_put_by_a_click_and_back_takes_it_away(visit: Start) -> None:
    one = opened(visit)
    time_line(one).focus()
    for _ in range(3):
        one.page.keyboard.press("ArrowRight")
    at_step(one, 3)
    button(one, "wall").click()
    clicked(one, 3, 4)
    one.link_says(edits="3w3.4")
    one.says("it still arrives")
    one.page.go_back()
    one.link_says(edits=None)
    one.says("arrives in")
    button(one, "wall").click()
    clicked(one, 1, 1)  # the agent
    expect(one.page.get_by_role("alert")).to_have_count(1)
    one.link_says(edits=None)


def test_a_person_moves_by_keys_however_fast_and_lets_the_agent_go_on(visit: Start) -> None:
    one = opened(visit)
    at_step(one, 0)
    button(one, "mine").click()
    one.link_says(moves="0.", mine="1")
    at_step(one, 0, last=0)
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "p", "ArrowLeft"):
        one.page.keyboard.press(key)
    one.link_says(moves="0.RRFPL", mine="1")
    at_step(one, 5, last=5)
    button(one, "mine").click()
    one.link_says(moves="0.RRFPL", mine=None)
    expect(picture(one)).to_have_attribute("aria-label", re.compile(r"^Step 5 of (?!5:)"))


def test_a_cell_says_its_weight_and_the_key_is_carried_by_keys_alone(visit: Start) -> None:
    one = opened(visit)
    at_step(one, 0)
    told = one.page.locator(".acting .said")
    clicked(one, 2, 4)
    weight = load("agent-doorkey").play(start("doorkey", 8, 3)).weights[0].mean(0)[4 * 8 + 2]
    expect(told).to_contain_text(f"yellow key (column 2, row 4): weight {weight:.3f}")
    button(one, "carry").click()
    one.page.locator(".acting .stage").focus()
    keys = one.page.keyboard
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "Enter", "ArrowRight", "ArrowUp", "Enter"):
        keys.press(key)
    one.link_says(edits="0m2.4.3.3")
    one.says("arrives")


def test_a_tile_opens_its_head_and_a_phone_never_scrolls_sideways(visit: Start) -> None:
    one = opened(visit)
    one.page.locator(".acting .tile").nth(2).click()
    one.link_says(head="2")
    expect(one.page.locator(".acting .tile").nth(2)).to_have_attribute("aria-pressed", "true")
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.page.wait_for_function("() => document.documentElement.scrollWidth <= 390")
