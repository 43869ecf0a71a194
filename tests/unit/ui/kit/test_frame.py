"""What stands round every page: Streamlit's own words, touch wording, weights that share a place, small chances."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st

from attnviz.messages import LANGUAGES, table
from attnviz.ui import registry
from attnviz.ui.kit import languages, place_in_row
from attnviz.ui.kit.frame import PROJECTOR, style
from attnviz.ui.kit.frame.bars import ENGLISH, MARKUP

STATIC = Path(st.__file__).parent / "static" / "static" / "js"
# What the patterns stand for in Streamlit's own scripts.
WRITTEN = (
    " more", "Press ", "No results", "Add: ", "Fullscreen", "Close fullscreen", "Page not found",
    "no corresponding file was found", "Connection error", "Help for ", "Skip to main content",
)  # fmt: skip
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
DESK = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.fixture(scope="module")
def streamlits() -> str:
    """All that Streamlit's page may say and name, as it is shipped."""
    return "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js") if path.stat().st_size < 4_500_000)


@pytest.mark.parametrize("words", WRITTEN)
def test_streamlit_still_says_what_we_say_in_its_place(streamlits: str, words: str) -> None:
    assert words in streamlits


@pytest.mark.parametrize("selector", sorted({selector for selector, _, _ in MARKUP}))
def test_streamlit_still_has_the_elements_that_we_name(streamlits: str, selector: str) -> None:
    names = re.findall(r'data-testid="(\w+)"', selector)
    assert names and all(name in streamlits for name in names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_and_name_of_the_frame_is_there(language: str) -> None:
    assert {f"frame.{message}" for _, message in ENGLISH} | {f"frame.{one[2]}" for one in MARKUP} <= set(
        table(language)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12 more", "more"),
        ("Press Enter to apply", "apply"),
        ("Press ⌘+Enter to apply", "apply"),
        ("Add: 你好", "add"),
        ("Help for 头数", "tip_for"),
        ("Help", "tip"),
        ("Skip to main content", "skip"),
    ],
)
def test_a_sentence_of_streamlits_is_known_by_one_pattern_alone(text: str, message: str) -> None:
    assert [ours for english, ours in ENGLISH if re.search(english, text)] == [message]


def test_a_message_for_touched_screens_has_one_for_pointers() -> None:
    for language in LANGUAGES:
        ends = [key for key in table(language) if key.endswith(languages.TOUCH)]
        assert len(ends) > 8 and all(key.removesuffix(languages.TOUCH) in table(language) for key in ends)


@pytest.mark.parametrize(("agent", "word"), [(PHONE, "Tap"), (DESK, "Click")])
def test_a_finger_is_told_to_tap(monkeypatch: pytest.MonkeyPatch, agent: str, word: str) -> None:
    monkeypatch.setattr(languages, "language", lambda: "en")
    monkeypatch.setattr(languages.st, "context", SimpleNamespace(headers={"User-Agent": agent}))
    said = languages.t("prediction_hint")
    assert said.startswith(word)


def test_no_touched_screen_is_told_to_click_or_to_point() -> None:
    found = {key: text for key, text in table("en").items() if key.endswith(languages.TOUCH)}
    assert not {key for key, text in found.items() if re.search(r"\b(click|point at)\b", text, re.IGNORECASE)}
    found = {key: text for key, text in table("zh").items() if key.endswith(languages.TOUCH)}
    assert not {key for key, text in found.items() if re.search("鼠标|指向|指着|点击", text)}


@pytest.mark.parametrize(
    ("weight", "rank", "alike", "said"),
    [
        (0.4, 2, 0, "number 2 of 13 keys"),
        (0.4, 2, 1, "number 2 of 13 keys, with 1 others"),
        (0.0, 2, 11, "one of 12 of 13 keys whose weight is 0"),
    ],
)
def test_a_weight_that_others_share_has_no_place_of_its_own(
    monkeypatch: pytest.MonkeyPatch, weight: float, rank: int, alike: int, said: str
) -> None:
    monkeypatch.setattr(languages, "language", lambda: "en")
    assert place_in_row(SimpleNamespace(weight=weight, rank=rank, alike=alike, keys=13)) == said  # type: ignore[arg-type]


def test_every_page_keeps_the_projectors_mode_in_its_link() -> None:
    assert all(PROJECTOR in screen.params.values() for screen in registry.screens())


def test_the_projectors_style_makes_all_text_half_again_as_large() -> None:
    assert "font-size: 24px" in style(True) and "font-size: 24px" not in style(False)  # 16 is Streamlit's
