"""The readings page in a real browser: it tells its story on one screen, and answers to clicks and typed readings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from attnviz.messages import say
from attnviz.ui import registry
from tests.browser.person import Visit
from tests.browser.test_layout import CUT, LOOKS, NARROW, SCROLL, SLACK, WIDE

Start = Callable[..., Visit]
BRIDGE, MAYOR = "南京市/长江大桥", "南京市长/江大桥"


def fits_on_one_screen(one: Visit) -> None:
    height, room, width, across = one.page.evaluate(SCROLL)
    assert height <= room + SLACK and width <= across + SLACK
    for name in ("lean", "head0", "head1"):
        box = one.chart(f"readings-{name}").bounding_box()
        assert box["y"] + box["height"] <= 900 and box["width"] >= 280 and box["height"] >= 300
    assert one.page.evaluate(CUT) == []


def test_a_phone_scrolls_down_and_never_sideways(visit: Start) -> None:
    one = visit({"lang": "zh"}, name="readings", viewport=NARROW)
    assert one.page.evaluate("() => document.scrollingElement.scrollWidth - innerWidth") <= 0
    for name in ("lean", "head0", "head1"):
        one.chart(f"readings-{name}").scroll_into_view_if_needed()
        box = one.chart(f"readings-{name}").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert one.page.evaluate(CUT) == []


@pytest.mark.parametrize(("lang", "theme"), LOOKS)
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["projector", "phone"])
def test_verdict_and_both_sentences_are_seen_without_scrolling_and_the_whole_story_on_a_projector(
    visit: Start, tmp_path: Path, viewport: dict, lang: str, theme: str
) -> None:
    one = visit({"lang": lang}, name="readings", viewport=viewport, color_scheme=theme)
    if viewport is WIDE:
        fits_on_one_screen(one)
    for name in ("bridge", "balls", "telescope"):
        if name != "bridge":  # where the page opens
            one.open({"lang": lang, "case": name}, "readings")
        one.page.screenshot(path=tmp_path / f"seen-{name}-{lang}-{theme}.png")
        assert one.part("readings-verdict").inner_text().startswith({"zh": "lab-", "en": "In lab-"}[lang])
        for part in ("readings-verdict", "readings-sentence0", "readings-sentence1"):
            box = one.part(part).locator("img" if "sentence" in part else "p").first.bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= viewport["height"], (name, part)
            assert box["x"] >= 0 and box["x"] + box["width"] <= viewport["width"]
            assert box["height"] >= 20
        for side in (0, 1):
            picture = one.part(f"readings-sentence{side}").locator("img")
            assert picture.evaluate("(one) => one.complete && one.naturalWidth") > 100, "arcs and boxes are drawn"
            assert picture.get_attribute("alt")


def test_a_link_to_the_page_opens_it_with_the_app_around_it(visit: Start) -> None:
    one = visit({"lang": "en", "case": "balls"}, name="readings")
    links = one.page.get_by_test_id("stTopNavLink")
    first = registry.sections()[""]
    names = [screen.icon.split("/")[1].rstrip(":") + say(f"ui.page_{screen.name}", "en") for screen in first]
    expect(links).to_have_text(names)
    here = [screen.name for screen in first]
    links.nth(here.index("attention")).click()
    one.ready()
    links.nth(here.index("readings")).click()
    one.ready("readings")
    one.link_says(case="balls")  # what was chosen on a page is there again


def test_a_click_on_a_tile_opens_that_head(visit: Start) -> None:
    one = visit({"lang": "en", "model": "lab-8"}, name="readings")
    bits = one.cells("readings-lean")[1][5]
    side = 0 if bits >= 0 else 1
    before = one.cells(f"readings-head{side}")
    one.click_point("readings-lean", 8 + 5)
    one.link_says(**{("left", "right")[side]: "1.5"})
    one.says(f"{bits:+.2f} bits".replace("-", "−"))
    one.wait_for_cells("JSON.stringify(z) !== JSON.stringify(arg)", before, f"readings-head{side}")


def test_a_reading_can_be_typed(visit: Start) -> None:
    one = visit({"lang": "en"}, name="readings")
    box = one.part("readings-second").locator("input")
    box.fill("南京/市长江大桥")
    box.press("Enter")
    one.link_says(b="南京/市长江大桥", a=BRIDGE, case="own")
    expect(one.page.get_by_text("市长江大桥", exact=True).first).to_be_visible()


def test_a_reading_of_another_text_is_one_sentence_and_stays_typed(visit: Start) -> None:
    one = visit({"lang": "zh"}, name="readings")
    box = one.part("readings-second").locator("input")
    box.fill("北京/市长")
    box.press("Enter")
    expect(one.page.get_by_role("alert")).to_contain_text("两种读法不是同一段文字")
    one.link_says(b="北京/市长")
    expect(one.page.get_by_test_id("stException")).to_have_count(0)
