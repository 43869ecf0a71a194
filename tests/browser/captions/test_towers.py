"""Two towers in a browser: a large picture for the cosines and one for the class token, and no small ones."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.captions.test_scenes import Start
from tests.parity.vision.test_towers import TEXT, saved


def test_a_picture_of_one_text_has_no_small_ones_and_no_line_on_them(visit: Start, tmp_path: Path) -> None:
    one = visit({"lang": "en", "by": str(saved(tmp_path, "clip")), "ask": TEXT}, name="captions")
    panels = one.page.locator(".captions .panel")
    expect(panels).to_have_count(2)
    expect(panels.first.locator(".said")).to_contain_text(TEXT)
    for panel in panels.all():
        expect(panel.locator("canvas.big")).to_be_visible()
        expect(panel.locator(".tiles, .note")).to_have_count(2)
        assert not any(part.is_visible() for part in panel.locator(".tiles, .note").all())
