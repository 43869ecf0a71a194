"""Points that queries chose, in a browser: drawn where they lie and nowhere else, and counted inside the box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from attnviz import load, record
from attnviz.core.attention import Sampled
from attnviz.measures import inside
from attnviz.ui.pages.finding import run
from tests.browser.finding.test_boxes import LIT, SAMPLE, Start, opened
from tests.parity.vision.detection.sampled import saved

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
    wide, high, *values = stage.locator("canvas").evaluate(LIT)
    drawn = np.array(values, float).reshape(high, wide, 4)
    lit = np.argwhere(drawn[..., 0] - drawn[..., 2] > 90)[:, ::-1]  # orange: nothing else in the picture is
    scale = np.array([wide / picture.width, high / picture.height])
    places = call.places[HEAD, SLOT].numpy() * scale
    places = places[(places > 3).all(-1) & (places < np.array([wide, high]) - 3).all(-1)]
    away = np.linalg.norm(lit[:, None] - places[None], axis=-1)
    side = stage.locator("canvas").evaluate("(canvas) => canvas.width / canvas.getBoundingClientRect().width")
    assert len(places) > 2 and away.min(0).max() < 3 * side, away.min(0)  # each has its light
    assert away.min(1).max() < LARGEST * side  # and there is no light but theirs
