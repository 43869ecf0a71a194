"""The slider of a rule under the finger: the open head follows while it is dragged, and is exact where it lands; a
press on soft, hard or sparse shows what the server then draws."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

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
    one.page.wait_for_function("() => new URLSearchParams(location.search).get('temperature') > 1", polling=LOOK)


def test_sentence_and_explanation_follow_and_are_exact_where_the_slider_lands(visit: Start) -> None:
    one = visit({"lang": "en", "layer": "3", "head": "2", "query": "4", "key": "5"})
    before, place = one.shares(), one.page.locator(THUMB).bounding_box()
    across, down = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    one.page.mouse.move(across, down)
    one.page.mouse.down()
    one.page.mouse.move(across + 60, down, steps=3)
    over = one.page.locator(".dragged-why")
    thumb = f"{float(one.page.locator(THUMB).inner_text()):g}"
    expect(over).to_contain_text(f"(T = {thumb})")
    weight = re.search(r"with weight ([0-9.]+) ", over.inner_text())[1]
    moved = one.shares()
    assert moved != before and float(moved[5]) == pytest.approx(float(weight), abs=0.006)
    expect(over.locator("mfrac").last).to_contain_text(f"/{thumb}")
    one.page.mouse.up()
    one.link_says(temperature=thumb)
    one.page.wait_for_function("() => !document.querySelector('.dragged-why')", polling=LOOK)
    expect(one.part("why")).to_contain_text(f"with weight {weight} ")
    assert [float(share or 0) for share in one.shares()] == pytest.approx(
        [float(share or 0) for share in moved], abs=0.011
    )


# What lies over the heatmap is looked at in the same task as the press: no server has answered by then.
AT_ONCE = f"([box, number]) => {{ document.querySelectorAll(box + ' button')[number].click(); return ({OVER})(); }}"
SIDE, BAR = ".st-key-attention-family", "#attnviz-bottom [data-key=rule]"
GIVEN = "() => !document.querySelector('canvas.dragged') && document.querySelector('.st-key-attention-pressed')"


@pytest.mark.parametrize(("box", "screen"), [(SIDE, {}), (BAR, {"viewport": {"width": 390, "height": 844}})])
def test_a_press_on_another_rule_is_shown_at_once_and_its_answer_is_the_same(
    visit: Start, box: str, screen: dict[str, object]
) -> None:
    one = visit({"lang": "en", "layer": "3", "head": "2"}, **screen)
    one.page.wait_for_function(GIVEN, polling=LOOK)
    before = one.cells()
    over = one.page.evaluate(AT_ONCE, [box, 1])
    assert over and over.startswith("9,9,")
    one.wait_for_cells("JSON.stringify(z) !== JSON.stringify(arg)", before)
    one.page.wait_for_function(GIVEN, polling=LOOK)
    reds = over.split(",")[2::4]
    palest = max(set(reds), key=reds.count)  # under a hard rule most weights are zero
    assert [weight == 0 for row in one.cells() for weight in row] == [red == palest for red in reds]
    one.link_says(rule="hard")
