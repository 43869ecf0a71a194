"""A model's folder is found by the keyboard alone, and is there again for a click on the next visit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from transformers import PreTrainedTokenizerBase

from tests.browser.person import Visit
from tests.parity import tiny
from tests.parity.heads import headed

Start = Callable[..., Visit]
BUTTON = "Browse · recent"


def test_a_folder_is_found_by_the_keyboard_and_offered_again_to_this_browser(
    visit: Start, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    place = tiny.save("masked", "bert", tmp_path / "我的 models", wordpiece)
    one = visit({"lang": "en", "text": "the cat sat"}, name="models")
    page = one.page
    page.get_by_role("button", name=BUTTON).focus()
    page.keyboard.press("Enter")
    where = page.locator(".st-key-folders-shown code, [data-testid=stPopoverBody] code")
    expect(where).to_be_visible()
    while (here := where.inner_text()) != "/":
        page.get_by_role("button", name="Up", exact=True).focus()
        page.keyboard.press("Enter")
        expect(where).not_to_have_text(here)
    so_far = Path("/")
    for part in place.parts[1:]:
        expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
        box = page.get_by_role("combobox", name=re.compile("Folders in it"))  # of this folder, not still of the last
        box.focus()
        page.keyboard.type(part)
        page.keyboard.press("Enter")
        so_far /= part
        expect(where).to_have_text(str(so_far))
    page.get_by_role("button", name="Open this folder").focus()
    page.keyboard.press("Enter")
    one.link_says(id=str(place))
    one.ready()
    expect(where).to_have_count(0)
    page.goto(f"{one.address}/models?lang=en")
    one.ready()
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("button", name=re.compile("我的 models")).click()
    one.link_says(id=str(place))
    one.ready()
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("button", name="Clear this list").click()
    expect(page.get_by_text("None yet")).to_be_visible()
    page.goto(f"{one.address}/models?lang=en")
    one.ready()
    page.get_by_role("button", name=BUTTON).click()
    expect(page.get_by_text("None yet")).to_be_visible()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_choices_are_typed_a_line_each_and_one_is_opened(
    size: tuple[int, int], visit: Start, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    place = str(headed.save("choice", "bert", tmp_path, wordpiece))
    viewport = {"width": size[0], "height": size[1]}
    one = visit({"lang": "en", "id": place, "text": "the cat sat"}, name="models", viewport=viewport)
    box = one.page.get_by_role("textbox", name="Choices")
    box.fill("it was tired\nthe mats")
    box.press("Control+Enter")
    one.link_says(pair="it was tired\nthe mats", choice=None)
    one.page.get_by_role("button", name="the mats").click()
    one.link_says(choice="1")
    one.ready()
    assert one.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    one.page.go_back()
    one.link_says(choice=None)
