"""The pages of the family in a real Chromium: they open, are drawn, fit, and speak both languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attnviz.messages import say
from attnviz.ui import registry
from tests.browser.person import Visit
from tests.browser.test_layout import CUT, NARROW, SCROLL, WIDE

Start = Callable[..., Visit]
PAGES = ["family", *(screen.name for name in ("family", "things") for screen in registry.sections()[name])]
PLAIN = ("family", "limits")  # pages that begin without a chart of weights


@pytest.mark.parametrize(
    ("lang", "theme", "size"), [("en", "light", WIDE), ("zh", "dark", NARROW)], ids=["wide", "narrow"]
)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_family_is_drawn_and_never_scrolls_sideways(
    visit: Start, tmp_path: Path, name: str, lang: str, theme: str, size: dict[str, int]
) -> None:
    one = visit({"lang": lang}, name=name, viewport=size, color_scheme=theme)
    one.page.screenshot(path=tmp_path / f"{name}-{lang}-{theme}.png", full_page=True)
    one.says(say(f"{name}.title", lang))
    assert one.page.locator('[data-testid="stException"]').count() == 0
    assert one.page.locator('[data-testid="stAlertContentError"]').count() == 0
    if name not in PLAIN:
        assert one.page.locator(".js-plotly-plot").count() >= 1
    _, _, width, across = one.page.evaluate(SCROLL)
    assert width <= across
    assert one.page.evaluate(CUT) == []


def test_the_map_leads_to_hard_attention(visit: Start) -> None:
    one = visit(name="family")
    one.page.locator(".st-key-family-hard button").first.click()
    one.ready()
    one.link_says(rule="hard")


def test_gpt_goes_on_when_more_is_asked_for(visit: Start) -> None:
    one = visit(name="directions")
    one.page.get_by_role("slider").nth(1).focus()  # after the temperature's
    one.page.keyboard.press("End")
    one.link_says(most="30")
