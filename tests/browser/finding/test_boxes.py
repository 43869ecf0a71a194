"""Boxes in a browser: light lies where the weights say, keys reach every box and every place, Back takes it back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, expect

from attnviz import load, record
from attnviz.measures import covered, found
from attnviz.messages import say
from attnviz.ui.pages.finding import run
from tests.browser.person import Visit
from tests.browser.pixels import pixels

Start = Callable[..., Visit]
SEEN = "() => document.documentElement.dataset.finding === 'heard'"
SAMPLE, LEAST = "BloodImage_00062", 0.4


def opened(visit: Start, **link: str) -> tuple[Visit, Locator]:
    """The page, and the picture in it."""
    one = visit({"lang": "en", **link}, name="finding")
    one.page.wait_for_function(SEEN)
    expect(one.page.locator(".finding .tile").first).to_be_visible()
    return one, one.page.locator(".finding .stage")


def trace():  # type: ignore[no-untyped-def]
    return record(load("detr-cells"), run.sample(SAMPLE))


def brightest(stage: Locator) -> tuple[int, int]:
    """Row and column of the place where the picture was darkened least: its light beside that of the sample."""
    drawn = pixels(stage.locator("canvas")).mean(-1)
    high, wide = drawn.shape
    whole = np.asarray(run.sample(SAMPLE).image().resize((wide, high)).convert("L"), float)
    share = drawn / (whole + 1)
    rows, columns = np.linspace(0, high, 19).round().astype(int), np.linspace(0, wide, 25).round().astype(int)
    cells = np.array([
        [np.median(share[rows[r] + 2 : rows[r + 1] - 2, columns[c] + 2 : columns[c + 1] - 2]) for c in range(24)]
        for r in range(18)
    ])  # fmt: skip
    row, column = divmod(int(cells.argmax()), 24)
    return row, column


def test_a_click_on_a_box_lights_the_place_where_its_query_looked_most(visit: Start) -> None:
    one, stage = opened(visit, layer="1", head="0")
    own = trace()
    for thing in found(own, LEAST)[1:3]:
        box = stage.locator(f"[data-slot='{thing.slot}']")
        box.focus()
        box.press("Enter")
        one.link_says(box=str(thing.slot))
        row = own.weights(1, 0)[thing.slot]
        inside = float(row @ covered(own.keys, thing.box))
        expect(one.page.locator(".finding .said")).to_contain_text(f"{inside:.1%}")
        one.page.mouse.move(2, 2)
        place = brightest(stage)
        assert float(row[place[0] * 24 + place[1]]) > 0.9 * float(row.max())
    one.page.go_back()
    one.link_says(box=str(found(own, LEAST)[1].slot))


def test_pointing_asks_no_server_and_keys_reach_every_box(visit: Start) -> None:
    one, stage = opened(visit)
    things = found(trace(), LEAST)
    boxes = stage.locator(".box")
    expect(boxes).to_have_count(len(things))
    one.page.wait_for_timeout(500)  # what the page still sends of itself
    sent, reached = one.frames, set()
    boxes.first.focus()
    for _ in things:
        held = stage.locator(".box:focus")
        reached.add(held.get_attribute("data-slot"))
        slot = int(held.get_attribute("data-slot") or -1)
        expect(one.page.locator(".finding .said")).to_contain_text(f"(query {slot})")
        one.page.keyboard.press("Tab")
    assert reached == {str(thing.slot) for thing in things}
    boxes.first.focus()
    before = boxes.first.get_attribute("data-slot")
    here = centre(stage, str(before))
    key = "ArrowRight" if here[0] < 230 else "ArrowLeft"
    one.page.keyboard.press(key)
    after = stage.locator(".box:focus").get_attribute("data-slot")
    there = centre(stage, str(after))
    assert after != before and (there[0] > here[0]) == (key == "ArrowRight")
    assert one.frames == sent


def centre(stage: Locator, slot: str) -> tuple[float, float]:
    """The middle of a box, in pixels of the stage."""
    box, own = stage.locator(f"[data-slot='{slot}']").bounding_box(), stage.bounding_box()
    assert box is not None and own is not None
    return box["x"] - own["x"] + box["width"] / 2, box["y"] - own["y"] + box["height"] / 2


def test_which_queries_a_box_asked_and_where_a_place_looks(visit: Start) -> None:
    one, stage = opened(visit, view="asks", layer="2", head="1")
    own, told = trace(), one.page.locator(".finding .said")
    first = found(own, LEAST)[0]
    row = own.map("decoder").weights(2, 1)[first.slot]
    expect(told).to_contain_text(f"query {int(row.argmax())}")
    one.page.get_by_role("radio", name=say("finding.view_places", "en")).click()
    one.link_says(view="places")
    expect(told).to_contain_text("place 10,13")  # the one in the middle
    stage.focus()
    one.page.keyboard.press("ArrowUp")
    one.page.keyboard.press("Enter")
    one.link_says(place=str(8 * 24 + 12))
    best = int(own.map("encoder").weights(1, 1)[8 * 24 + 12].argmax())
    expect(told).to_contain_text(
        say("finding.looks", "en", place="place 9,13", most="§").split("§")[0]
        + f"place {1 + best // 24},{1 + best % 24}"
    )


def test_places_are_hidden_by_dragging_and_shown_again_by_back(visit: Start) -> None:
    one, stage = opened(visit)
    one.page.locator(".finding button[data-name=hide]").click()
    own = stage.bounding_box()
    assert own is not None
    across, down = own["width"] / 24, own["height"] / 18
    one.page.mouse.move(own["x"] + 2.5 * across, own["y"] + 4.5 * down)
    one.page.mouse.down()
    for column in (3.5, 4.5):
        one.page.mouse.move(own["x"] + column * across, own["y"] + 4.5 * down)
    one.page.mouse.up()
    one.link_says(hidden="98.99.100")
    one.says(say("finding.how_hidden", "en", count=3))
    one.page.go_back()
    one.page.wait_for_function("() => !location.search.includes('hidden')")
    expect(one.page.get_by_text(say("finding.how_hidden", "en", count=3))).to_have_count(0)


def test_a_phone_never_scrolls_sideways_and_a_tile_opens_its_head(visit: Start) -> None:
    one, _ = opened(visit)
    one.page.set_viewport_size({"width": 390, "height": 844})
    tile = one.page.get_by_role("button", name=say("finding.tile", "en", layer=2, head=3))
    tile.scroll_into_view_if_needed()
    tile.click()
    one.link_says(layer="2", head="3")
    assert one.page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_the_picture_is_saved_with_its_boxes(visit: Start) -> None:
    one, _ = opened(visit)
    with one.page.expect_download() as waiting:
        one.page.locator(".finding button[data-name=save]").click()
    assert waiting.value.suggested_filename.endswith(".png")
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")
