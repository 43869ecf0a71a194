"""Arabic and Hebrew in a browser: sentence and map run from right to left; a click opens what it points at."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.person import Visit

Start = Callable[..., Visit]
HEBREW = "שלום עולם"
ACROSS = "(faces) => faces.map((face) => face.getBoundingClientRect().left)"


def test_hebrew_runs_from_right_to_left_and_clicks_open_what_they_point_at(visit: Start) -> None:
    one = visit({"lang": "en", "text": HEBREW})
    one.ready()
    lefts = one.page.locator(".reader .face").evaluate_all(ACROSS)
    assert lefts == sorted(lefts, reverse=True) and len(lefts) > 3
    typed = one.part("text").get_by_role("textbox").evaluate("(box) => getComputedStyle(box).unicodeBidi")
    assert typed == "plaintext", "the sentence's last mark stands on its left"
    low, high = one.chart("heatmap").evaluate("(chart) => chart._fullLayout.xaxis.range")
    assert low > high
    count = len(lefts)
    one.click_point("heatmap", 2 * count + 1)
    one.link_says(query="2", key="1")
