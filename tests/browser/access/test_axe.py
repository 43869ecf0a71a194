"""axe-core finds nothing on any page: names, roles, headings, landmarks, and contrast in both themes."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import pytest

from attnviz.ui import registry
from tests.browser.person import Visit

Start = Callable[..., Visit]
AXE = files("axe_playwright_python").joinpath("axe.min.js")
RUN = """async () => (await axe.run({ resultTypes: ["violations"] })).violations.flatMap(({ id, nodes }) =>
  nodes.map(({ target, failureSummary: why }) => `${id}: ${target.join(" ")}: ${why.split("\\n").at(-1).trim()}`))"""
WAYS = {  # each theme on one kind of screen and in one language: one look at every page for each
    "light": {"lang": "zh", "viewport": {"width": 1440, "height": 900}},
    "dark": {"lang": "en", "viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize("theme", WAYS)
def test_axe_finds_nothing_on_any_page(visit: Start, theme: str) -> None:
    way, found = WAYS[theme], {}
    one = visit({"lang": way["lang"]}, viewport=way["viewport"], color_scheme=theme)
    for screen in registry.screens():
        one.open({"lang": way["lang"]}, "" if screen.home else screen.name)
        one.page.evaluate(AXE.read_text(encoding="utf-8"))
        found[screen.name] = one.page.evaluate(RUN)
    assert {name: broken for name, broken in found.items() if broken} == {}
