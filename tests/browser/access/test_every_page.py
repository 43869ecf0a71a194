"""Every page in a real Chromium, wide and light in English, narrow and dark in Chinese: axe-core finds nothing, and
those of the family are drawn and fit. A page is opened once for all of it: to open it costs more than to look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attnviz.messages import say
from attnviz.ui import registry
from tests.browser.access.axe import violations
from tests.browser.person import Visit
from tests.browser.test_layout import CUT, NARROW, SCROLL, WIDE

Start = Callable[..., Visit]
FAMILY = ["family", *(screen.name for name in ("family", "things") for screen in registry.sections()[name])]
PLAIN = ("family", "limits")  # pages that begin without a chart of weights
# The frame has named what Streamlit leaves without a role; a page that is opened for the first time is drawn before.
FRAMED = """() => [...document.querySelectorAll('[data-testid="stSidebarNavItems"]')]
  .every((one) => one.role === "none")"""


@pytest.mark.parametrize(
    ("lang", "theme", "size"), [("en", "light", WIDE), ("zh", "dark", NARROW)], ids=["wide", "narrow"]
)
@pytest.mark.parametrize("name", [screen.name for screen in registry.screens()])
def test_axe_finds_nothing_and_a_page_of_the_family_is_drawn_and_never_scrolls_sideways(
    visit: Start, tmp_path: Path, name: str, lang: str, theme: str, size: dict[str, int]
) -> None:
    one = visit({"lang": lang}, name="" if name == registry.home().name else name, viewport=size, color_scheme=theme)
    if name in FAMILY:
        check_drawn(one, name, lang, tmp_path / f"{name}-{lang}-{theme}.png")
    one.page.wait_for_function(FRAMED)
    assert violations(one) == []


def check_drawn(one: Visit, name: str, lang: str, picture: Path) -> None:
    """Its title and its charts stand there, no error does, and nothing is cut off or too wide."""
    one.page.screenshot(path=picture, full_page=True)
    one.says(say(f"{name}.title", lang))
    assert one.page.locator('[data-testid="stException"]').count() == 0
    assert one.page.locator('[data-testid="stAlertContentError"]').count() == 0
    if name not in PLAIN:
        assert one.page.locator(".js-plotly-plot").count() >= 1
    _, _, width, across = one.page.evaluate(SCROLL)
    assert width <= across
    assert one.page.evaluate(CUT) == []
