"""Pointing at a token, a cell, a tile or the formula shows the same pair in the others, without the server."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.person import PLACE, Visit

Start = Callable[..., Visit]
TEXT = "他把书还给了图书馆"
FRAMES = """(chart) => [...chart.querySelectorAll('.linked > *')].map((one) => {
  const { left, top, width, height } = one.getBoundingClientRect();
  return [left, top, width, height];
})"""
ACROSS = 11  # tokens, the special ones among them


def test_a_token_is_framed_as_a_row_in_the_map_and_in_every_tile(visit: Start) -> None:
    one = visit({"lang": "en", "text": TEXT})
    sent = one.frames
    one.page.locator(".reader .token:nth-child(5) .face").hover()  # 还
    ((left, top, width, height),) = one.chart("heatmap").evaluate(FRAMES)
    x, y = one.chart("heatmap").evaluate(PLACE, 4 * ACROSS)
    assert left < x < left + width / ACROSS and top < y < top + height and height * ACROSS < width * 1.3
    assert len(one.chart("grid").evaluate(FRAMES)) == 16
    one.page.mouse.move(5, 5)
    expect(one.chart("heatmap").locator(".linked > *")).to_have_count(0)
    assert one.frames == sent


def test_a_cell_lights_its_row_in_the_sentence_and_marks_its_key(visit: Start) -> None:
    one = visit({"lang": "en", "text": TEXT})
    one.page.mouse.move(*one.chart("heatmap").evaluate(PLACE, 7 * ACROSS + 3))
    expect(one.page.locator(".reader .token.picked .face")).to_have_text("图")
    expect(one.page.locator(".reader .token.pointed .face")).to_have_text("书")
    one.page.mouse.move(5, 5)
    expect(one.page.locator(".reader .token.pointed")).to_have_count(0)


def test_the_formula_frames_its_cell_and_a_tile_lights_the_sentence(visit: Start) -> None:
    one = visit({"lang": "en", "text": TEXT})
    one.part("why").hover()
    ((_, _, width, height),) = one.chart("heatmap").evaluate(FRAMES)
    assert abs(width / height - 1) < 0.4
    weights = one.page.locator(".reader .token .weight")
    before = weights.all_inner_texts()
    one.page.mouse.move(*one.chart("grid").evaluate(PLACE, 4 * 2))
    changed = next(number for number, text in enumerate(before) if text)
    expect(weights.nth(changed)).to_have_text("")
    one.page.mouse.move(5, 5)
    expect(weights.nth(changed)).to_have_text(before[changed])
