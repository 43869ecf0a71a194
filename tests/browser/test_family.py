"""The pages of the family in a real Chromium: the map leads to them, and GPT goes on."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.person import Visit

Start = Callable[..., Visit]


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
