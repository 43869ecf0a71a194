"""The slider of a rule under the finger: the open head follows while it is dragged, and is exact where it lands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.person import LOOK, Visit

Start = Callable[..., Visit]
THUMB = ".st-key-attention-temperature [data-testid=stSliderThumbValue]"
OVER = """() => { const over = document.querySelector("canvas.dragged"), { width, height } = over ?? {};
  return over && [width, height, ...over.getContext("2d").getImageData(0, 0, width, height).data].join(); }"""
PLACES = """(chart) => ["canvas.dragged", ".hm image"].map((name) => {
  const { left, top, width, height } = chart.querySelector(name).getBoundingClientRect();
  return [left, top, width, height]; })"""


def test_the_open_head_follows_the_slider_and_the_answer_takes_its_place(visit: Start) -> None:
    one = visit({"lang": "en", "layer": "3", "head": "2"})
    before, place = one.cells(), one.page.locator(THUMB).bounding_box()
    across, down = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    one.page.mouse.move(across, down)
    one.page.mouse.down()
    seen = [""]
    for step in (20, 60):
        one.page.mouse.move(across + step, down)
        other = f"(last) => {{ const now = ({OVER})(); return now && now !== last; }}"
        one.page.wait_for_function(other, arg=seen[-1], polling=LOOK)
        seen.append(one.page.evaluate(OVER))
    assert seen[1].startswith("9,9,") and one.cells() == before  # the server has not been asked
    laid, drawn = one.chart("heatmap").evaluate(PLACES)
    assert laid == pytest.approx(drawn, abs=1.5)
    one.page.mouse.up()
    one.wait_for_cells("JSON.stringify(z) !== JSON.stringify(arg)", before)
    one.page.wait_for_function("() => !document.querySelector('canvas.dragged')", polling=LOOK)
    assert float(one.page.evaluate("() => new URLSearchParams(location.search).get('temperature')")) > 1
