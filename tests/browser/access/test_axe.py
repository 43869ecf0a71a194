"""axe-core finds nothing on any page: names, roles, headings, landmarks, and contrast in both themes."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from attnviz.messages import LANGUAGES
from attnviz.ui import registry
from tests.browser.person import Visit

Start = Callable[..., Visit]
AXE = files("axe_playwright_python").joinpath("axe.min.js")
RUN = """async () => (await axe.run({ resultTypes: ["violations"] })).violations.flatMap(({ id, nodes }) =>
  nodes.map(({ target, failureSummary: why }) => `${id}: ${target.join(" ")}: ${why.split("\\n").at(-1).trim()}`))"""
# The frame has named what Streamlit leaves without a role; a page that is opened for the first time is drawn before.
FRAMED = """() => [...document.querySelectorAll('[data-testid="stSidebarNavItems"]')]
  .every((one) => one.role === "none")"""
SCREENS = {"light": {"width": 1440, "height": 900}, "dark": {"width": 390, "height": 844}}


def test_axe_finds_nothing_on_any_page_in_either_theme(visit: Start) -> None:
    found: dict[str, list[str]] = {}
    one = visit({"lang": "zh"})
    for number, screen in enumerate(registry.screens()):
        for theme, size in SCREENS.items():
            one.page.set_viewport_size(size)  # type: ignore[arg-type]
            one.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            one.open({"lang": LANGUAGES[number % 2]}, "" if screen.home else screen.name)
            one.page.wait_for_function(FRAMED)
            one.page.evaluate(AXE.read_text(encoding="utf-8"))
            found[f"{screen.name} {theme}"] = one.page.evaluate(RUN)
    assert {name: broken for name, broken in found.items() if broken} == {}
