"""Points that queries and places chose, in a browser: drawn where they lie and nowhere else, and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from attnviz import load, record
from attnviz.axes import Box, Levels
from attnviz.core.attention import Sampled
from attnviz.measures import inside
from attnviz.messages import say
from attnviz.ui.pages.finding import run
from tests.browser.finding.test_boxes import SAMPLE, Start, opened
from tests.browser.pixels import pixels
from tests.parity.vision.detection.sampled import LEVELS, saved

LAYER, HEAD, SLOT = 0, 0, 1  # some of its points lie beside the box, some above or below it
LARGEST = 10  # in pixels of the page, from a point's middle to its edge


def test_the_points_of_a_query_are_drawn_where_they_lie_and_counted(visit: Start, tmp_path: Path) -> None:
    folder, picture = saved(tmp_path, "rt_detr"), run.sample(SAMPLE)
    trace = record(load(folder), picture)
    call = trace.attention(LAYER)
    assert isinstance(call, Sampled)
    map_ = {"mean": "head", "layer": str(LAYER), "head": str(HEAD)}
    one, stage = opened(visit, model=str(folder), least="0.05", box=str(SLOT), **map_)
    one.page.mouse.move(2, 2)
    expect(one.page.locator(".finding .said")).to_contain_text(f"{float(inside(trace, LAYER, SLOT)[HEAD]):.1%}")
    drawn = pixels(stage.locator("canvas"))
    high, wide = drawn.shape[:2]
    lit = np.argwhere(drawn[..., 0] - drawn[..., 2] > 90)[:, ::-1]  # orange: nothing else in the picture is
    scale = np.array([wide / picture.width, high / picture.height])
    places = call.places[HEAD, SLOT].numpy() * scale
    places = places[(places > 3).all(-1) & (places < np.array([wide, high]) - 3).all(-1)]
    away = np.linalg.norm(lit[:, None] - places[None], axis=-1)
    side = stage.locator("canvas").evaluate("(canvas) => canvas.width / canvas.getBoundingClientRect().width")
    assert len(places) > 2 and away.min(0).max() < 3 * side, away.min(0)  # each has its light
    assert away.min(1).max() < LARGEST * side  # and there is no light but theirs


def test_a_place_of_the_encoder_is_reached_by_keys_and_by_a_click_and_its_points_are_counted(
    visit: Start, tmp_path: Path
) -> None:
    folder, picture = saved(tmp_path, "deformable"), run.sample(SAMPLE)
    trace = record(load(folder), picture).map("encoder")
    call, axis = trace.attention(0), trace.queries
    assert isinstance(call, Sampled) and isinstance(axis, Levels)
    grid, first = axis.grids[1], axis.level(1).start

    def told(place: int) -> str:
        """How head 1 weighs the points of a place, level by level, and how far they are."""
        left, top, right, bottom = grid.stands_for(place) or (0, 0, 0, 0)
        weights, where = call.weights[1, first + place].numpy(), call.places[1, first + place].numpy()
        shares = [f"{100 * share:.0f}%" for share in weights.reshape(LEVELS, -1).sum(1)]
        far = weights @ np.linalg.norm(where - np.array([(left + right) / 2, (top + bottom) / 2]), axis=1)
        levels = ", ".join(say("finding.level_share", "en", level=n, share=one) for n, one in enumerate(shares, 1))
        name = say("finding.place_level", "en", place=grid.labels[place], level=2)
        return say("finding.by_level", "en", place=name, levels=levels, far=f"{far:.0f}")

    link = {"model": str(folder), "least": "0.05", "view": "places", "level": "2", "layer": "0", "head": "1"}
    one, stage = opened(visit, **link)
    said, middle = one.page.locator(".finding .said"), grid.rows // 2 * grid.columns + grid.columns // 2
    expect(said).to_have_text(told(middle))
    one.page.wait_for_timeout(500)  # what the page still sends of itself
    sent = one.frames
    stage.focus()
    one.page.keyboard.press("ArrowUp")
    expect(said).to_have_text(told(middle - grid.columns))
    assert one.frames == sent
    one.page.keyboard.press("Enter")
    one.link_says(place=str(middle - grid.columns))
    own, box = stage.bounding_box(), grid.stands_for(0)
    assert own is not None and isinstance(box, Box)
    scale = own["width"] / picture.width
    stage.click(position={"x": (box.left + box.right) / 2 * scale, "y": (box.top + box.bottom) / 2 * scale}, force=True)
    one.link_says(place="0")
    expect(said).to_have_text(told(0))
    one.page.go_back()
    one.link_says(place=str(middle - grid.columns))
