"""Words for pictures in a browser: a scene by keys alone, pointing without the server, dragging, Back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, expect

from attnviz import load
from attnviz.core.rules import Sample
from attnviz.messages import say
from attnviz.systems.captions.system import scene_of
from tests.browser.person import Visit

Start = Callable[..., Visit]
SEEN = (
    "() => document.documentElement.dataset.captions === 'heard' && document.documentElement.dataset.maker === 'heard'"
)
SCENE = "cat 8 8, lemon 32 40"  # no edge of a box, where a frame is, runs through the pixels that are looked at
# The colour of one pixel of the picture in each place, row after row.
PLACES = """(canvas) => { const pen = canvas.getContext("2d"), found = [];
  const at = (number) => Math.floor((8 * number + 3.5) * canvas.width / 64);
  for (let row = 0; row < 8; row++) for (let column = 0; column < 8; column++)
    found.push([...pen.getImageData(at(column), at(row), 1, 1).data]);
  return found; }"""


def opened(visit: Start, **link: str) -> Visit:
    """The page, its words standing there."""
    one = visit({"lang": "en", **link}, name="captions")
    one.page.wait_for_function(SEEN)
    return one


def word(one: Visit, text: str) -> Locator:
    return one.page.locator(".captions .word", has_text=text).first


def lit(weights: list[float]) -> np.ndarray:
    """The same pixels as they should be: the light over the picture, the stronger the larger the weight."""
    pixels = load("words-soft").draw(scene_of(SCENE)).pixels[3::8, 3::8].reshape(64, 3).astype(float)
    share = 0.82 * np.array(weights)[:, None] / max(weights)
    return pixels * (1 - share) + np.array([255, 122, 26]) * share


def colours(one: Visit) -> np.ndarray:
    return np.array(one.page.locator(".captions canvas.big").first.evaluate(PLACES))[:, :3]


def test_pointing_at_a_word_lights_up_where_it_looked_and_asks_no_server(visit: Start) -> None:
    one = opened(visit, scene=SCENE)
    trace, told = load("words-soft").read(SCENE), one.page.locator(".captions .said")
    expect(word(one, "cat")).to_be_visible()
    assert trace.tokens == ["a", "cat", "above", "a", "lemon", "</s>"]
    one.page.wait_for_timeout(500)  # what the page still sends of itself
    sent = one.frames
    for number, text in ((4, "lemon"), (2, "above"), (1, "cat")):
        word(one, text).hover()
        expect(told).to_contain_text(f"“{text}”")
        assert np.abs(colours(one) - lit(trace.weights(0, 0)[number].tolist())).max() <= 3
    word(one, "cat").focus()
    one.page.keyboard.press("End")
    one.page.keyboard.press("ArrowLeft")
    one.page.mouse.move(2, 2)
    expect(told).to_contain_text("“lemon”")
    assert one.frames == sent
    one.page.keyboard.press("Enter")
    one.link_says(word="4")


def test_a_scene_is_made_by_keys_alone_and_back_undoes_it(visit: Start) -> None:
    one = visit({"lang": "en", "scene": "-"}, name="captions")
    keys = one.page.keyboard
    one.says(say("captions.nothing_yet", "en"))
    one.page.get_by_role("combobox", name=say("captions.add", "en")).focus()
    keys.type("cat")
    keys.press("Enter")
    one.link_says(scene="cat 4 4")
    one.page.wait_for_function(SEEN)
    for _ in range(12):  # back from the list to the canvas
        if one.page.evaluate(FOCUSED) == "cat":
            break
        keys.press("Shift+Tab")
    assert one.page.evaluate(FOCUSED) == "cat"
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    keys.press("Shift+ArrowDown")
    one.link_says(scene="cat 12 5")
    assert one.page.evaluate(FOCUSED) == "cat"  # drawn anew by the server's answer
    one.says("a cat")
    one.page.go_back()
    one.link_says(scene="cat 4 4")
    one.page.wait_for_function(UPPER)  # the address changes at once, the canvas with the server's answer
    keys.press("Delete")
    one.link_says(scene="-")
    one.says(say("captions.nothing_yet", "en"))


UPPER = """() => { const stage = document.querySelector(".st-key-captions-maker [data-testid=stBidiComponentIsolated]")
  .shadowRoot.querySelector(".stage"), thing = stage.querySelector(".thing");
  return Math.round((64 * parseFloat(thing.style.top)) / parseFloat(stage.style.height)) === 4; }"""
FOCUSED = "() => document.activeElement.shadowRoot?.activeElement?.dataset.name ?? null"


def test_a_thing_is_dragged_never_over_another_and_a_click_brings_the_chosen_one(visit: Start) -> None:
    one = opened(visit, scene=SCENE)
    stage = one.page.locator(".maker .stage")
    box = stage.bounding_box()
    assert box is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + 1 + box["width"] * x / 64, box["y"] + 1 + box["height"] * y / 64

    one.page.mouse.move(*at(20, 20))
    one.page.mouse.down()
    one.page.mouse.move(*at(30, 40), steps=4)
    one.page.mouse.move(*at(44, 52), steps=4)  # right onto the lemon
    one.page.mouse.up()
    one.page.wait_for_function("() => !location.search.includes('cat+8+8')")
    text = one.page.evaluate("() => new URLSearchParams(location.search).get('scene')")
    _, left, top = text.split(",")[0].split(" ")
    assert text.endswith("lemon 32 40") and (int(left) <= 8 or int(top) <= 16)  # beside it or above it, never over it
    one.page.mouse.click(*at(14, 14))
    one.link_says(scene="cat 2 2, lemon 32 40")
    one.page.go_back()
    one.link_says(scene=text)


def test_soft_and_hard_stand_side_by_side_and_a_phone_never_scrolls_sideways(visit: Start) -> None:
    one = opened(visit, model="both", scene=SCENE)
    drawn = load("words-hard").read(SCENE, rule=Sample(0)).tokens
    panels = one.page.locator(".captions .panel")
    expect(panels).to_have_count(2)
    expect(panels.nth(1).locator(".word")).to_have_count(len(drawn))
    panels.nth(0).locator(".word", has_text="lemon").hover()  # the same word of the other lights up with it
    expect(panels.nth(1).locator(".word.now")).to_have_text("lemon")
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.page.wait_for_function("() => document.documentElement.scrollWidth <= 390")
    one.page.get_by_role("button", name=say("captions.draw_again", "en", seed=0)).click()
    one.link_says(seed="1")
