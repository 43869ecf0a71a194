"""An episode in a browser: stepped through and played without the server, by keys alone; changed, undone."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, expect

from attnviz.messages import say
from attnviz.systems.acting.system import load
from attnviz.systems.acting.world import start
from tests.browser.person import Visit
from tests.browser.pixels import pixels

Start = Callable[..., Visit]
STEPS = load("agent-doorkey").play(start("doorkey", 8, 3)).steps
WALL, ARROW = (0x6F, 0x76, 0x82), (0xA4, 0x12, 0x3F)  # as `world.js` has them
SEEN = "() => document.documentElement.dataset.acting === 'heard'"


# Notes everything that the picture says of itself: fast steps may pass between two looks from outside.
PASSED = """canvas => {
    window.passed = [];
    const note = () => window.passed.push(canvas.getAttribute("aria-label"));
    new MutationObserver(note).observe(canvas, { attributes: true, attributeFilter: ["aria-label"] });
}"""


def opened(visit: Start, *, narrow: bool = False, **link: str) -> Visit:
    """The page, its world standing there."""
    size = {"viewport": {"width": 390, "height": 844}} if narrow else {}
    one = visit({"lang": "en", **link}, name="acting", **size)
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


def cells(canvas: Locator) -> np.ndarray:
    """The colours of each cell of a world of 8 x 8 `[cell, pixel, pixel, 3]`."""
    found = pixels(canvas)
    high, wide = found.shape[:2]
    side = min(wide, high) // 8
    corners = [(round(cell // 8 * high / 8), round(cell % 8 * wide / 8)) for cell in range(64)]
    return np.stack([found[top : top + side, left : left + side] for top, left in corners])


def near(cells: np.ndarray, colour: tuple[int, int, int]) -> set[int]:
    """The cells of which at least a twelfth has that colour."""
    return {cell for cell, one in enumerate(cells) if (np.abs(one - colour).max(-1) < 4).mean() > 1 / 12}


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
    picture(one).evaluate(PASSED)
    button(one, "play").click()
    one.page.wait_for_function("() => window.passed.some((said) => said.startsWith('Step 3 of'))")
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


def test_walls_the_agent_and_the_light_of_each_head_are_drawn_in_their_cells(visit: Start) -> None:
    one = opened(visit)
    time_line(one).focus()
    one.page.keyboard.press("ArrowRight")
    at_step(one, 1)
    scene, weights = (episode := load("agent-doorkey").play(start("doorkey", 8, 3))).scenes[1], episode.weights[1]
    whole, own = cells(picture(one)), scene.cell(*scene.agent)
    assert near(whole, WALL) >= {cell for cell, there in enumerate(scene.cells) if there.kind == "wall"}
    assert near(whole, ARROW) == {own}
    free = [cell for cell, there in enumerate(scene.cells) if there.kind == "empty" and cell != own]
    for head in range(4):
        lit = cells(one.page.locator(".acting .tile canvas").nth(head)).reshape(64, -1, 3)
        blue = np.median(lit[..., 2], 1)  # light takes the blue of a floor away
        looked = [cell for cell in free if weights[head, cell] > weights[head].max() / 2]
        assert [cell for cell in free if blue[cell] < 150] == looked and len(looked) == (head == 1), head


def test_a_tile_opens_its_head_and_a_phone_never_scrolls_sideways(visit: Start) -> None:
    one = opened(visit)
    one.page.locator(".acting .tile").nth(2).click()
    one.link_says(head="2")
    expect(one.page.locator(".acting .tile").nth(2)).to_have_attribute("aria-pressed", "true")
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.page.wait_for_function("() => document.documentElement.scrollWidth <= 390")


def test_words_under_the_lanes_lie_apart_each_below_its_sign(visit: Start) -> None:
    one = opened(visit, size="8", seed="1", narrow=True)
    words = [mark.bounding_box() for mark in one.page.locator(".acting .marks b").all()]
    first, then = [box for box in words if box is not None]
    assert first["x"] + first["width"] + 5 > then["x"]  # too near for one line
    assert first["y"] + first["height"] <= then["y"]
    strip = one.page.locator(".acting .marks").bounding_box()
    assert strip is not None and then["y"] + then["height"] <= strip["y"] + strip["height"] + 1
