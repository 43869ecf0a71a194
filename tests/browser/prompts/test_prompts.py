"""A text of several lines, a chat and its roles, as a person pastes, types and sees them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import Visit
from tests.parity.prompts.talkers import saved as talker
from tests.parity.prompts.translators import saved as translator

Start = Callable[..., Visit]
TEXT = "the cat sat\non the mat\n\nit was tired"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PASTE = """(box, text) => { const data = new DataTransfer(); data.setData("text/plain", text);
  box.focus(); box.select();
  if (box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })))
    document.execCommand("insertText", false, text); }"""
HEIGHT = "(box) => box.getBoundingClientRect().height"


def seen(one: Visit, name: str) -> None:
    """Keep a picture where the variable SEEN names a folder."""
    if os.environ.get("SEEN"):
        one.page.screenshot(path=str(Path(os.environ["SEEN"]) / f"{name}.png"), full_page=True)


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(talker(CHATML, tmp_path_factory.mktemp("chatty") / "chatty"))


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(translator("nllb", tmp_path_factory.mktemp("nllb") / "nllb"))


@pytest.mark.parametrize("name", ["", "models"])
def test_lines_that_are_pasted_stay_lines_in_box_link_and_tokens(name: str, visit: Start, chatty: str) -> None:
    one = visit({"lang": "en"} | ({"id": chatty} if name else {}), name=name)
    box = one.part("text").get_by_role("textbox")
    expect(box).not_to_have_value("")
    low = box.evaluate(HEIGHT)
    box.evaluate(PASTE, TEXT)
    expect(box).to_have_value(TEXT)
    assert box.evaluate(HEIGHT) > low
    box.press("Enter")
    one.link_says(text=TEXT)
    one.ready(name)
    expect(box).to_have_value(TEXT)
    if name:
        expect(one.page.locator(".reader .face", has_text="↵")).not_to_have_count(0)
        seen(one, "lines-wide")
    one.page.reload()
    one.ready(name)
    expect(box).to_have_value(TEXT)
    one.page.go_back()
    expect(box).not_to_have_value(TEXT)


def test_shift_enter_begins_a_line_and_enter_reads_all_of_them(visit: Start) -> None:
    one = visit({"lang": "en", "text": "the cat"}, name="models")
    box = one.part("text").get_by_role("textbox")
    expect(box).to_have_value("the cat")
    box.press("End")
    box.press("Shift+Enter")
    one.page.keyboard.type("sat")
    expect(box).to_have_value("the cat\nsat")
    one.link_says(text="the cat")
    box.press("Enter")
    one.link_says(text="the cat\nsat")
    expect(box).to_have_value("the cat\nsat")


def test_on_a_phone_enter_begins_a_line_and_leaving_the_box_reads_them(visit: Start) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    one = visit({"lang": "zh", "text": "the cat"}, name="models", **phone)
    box = one.part("text").get_by_role("textbox")
    expect(box).to_have_value("the cat")
    top = one.part("heatmap").evaluate("(chart) => chart.getBoundingClientRect().top")
    low = box.evaluate(HEIGHT)
    assert low < 60, "one line takes the room of one line"
    box.press("End")
    box.press("Enter")
    one.page.keyboard.type("sat")
    expect(box).to_have_value("the cat\nsat")
    assert 0 < box.evaluate(HEIGHT) - low < 40, "a second line takes one line more"
    box.blur()
    one.link_says(text="the cat\nsat")
    one.ready("models")
    assert abs(one.part("heatmap").evaluate("(chart) => chart.getBoundingClientRect().top") - top) < 120
    seen(one, "lines-phone")


@pytest.mark.parametrize(("lang", "width"), [("zh", 1440), ("en", 390)])
def test_roles_of_a_chat_are_seen_over_the_map_and_in_the_text(
    lang: str, width: int, visit: Start, chatty: str
) -> None:
    link = {"lang": lang, "id": chatty, "text": "system: be kind\nuser: how are you, cat?\nassistant: fine\nuser: why?"}
    one = visit(link, name="models", viewport={"width": width, "height": 900})
    one.page.locator(".st-key-models-chat label").first.click()
    one.link_says(chat="1")
    one.ready("models")
    names = {"zh": ["系统", "用户", "助手", "用户"], "en": ["system", "user", "assistant", "user"]}[lang]
    expect(one.page.locator(".reader .letter")).to_have_text(names)
    expect(one.page.locator(".reader .by.assistant .face").first).to_have_attribute("title", re.compile(names[2]))
    expect(one.part("heatmap").locator(".annotation", has_text=names[0][0]).first).to_be_visible()
    seen(one, f"chat-{lang}-{width}")
    one.page.go_back()
    one.link_says(chat=None)
    one.ready("models")
    expect(one.page.locator(".reader .letter")).to_have_count(0)


@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1440)])
def test_languages_are_chosen_and_back_takes_them_back(lang: str, width: int, visit: Start, nllb: str) -> None:
    link = {"lang": lang, "id": nllb, "text": "the cat sat", "map": "cross"}
    one = visit(link, name="models", viewport={"width": width, "height": 900})
    box = one.page.locator(".st-key-models-into input")
    box.click()
    box.fill("zho_Hans")
    one.page.get_by_role("option", name="zho_Hans").click()
    one.link_says(into="zho_Hans")
    one.ready("models")
    expect(one.page.locator(".reader .face", has_text="zho_Hans")).to_have_count(1)
    seen(one, f"languages-{lang}-{width}")
    one.page.go_back()
    one.link_says(into=None)
    one.ready("models")
    expect(one.page.locator(".reader .face", has_text="zho_Hans")).to_have_count(0)
