"""What the words of the screen keep to, in every message and explanation of a language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from attnviz.messages import LANGUAGES, table

# Numbers as README and notebooks have them, which say them in a table and in pages of their own.
APART = ("settings", "notebook")


def said(language: str) -> Iterator[tuple[str, str]]:
    """Every message by its name, and every explanation by its file's."""
    yield from ((name, text) for name, text in table(language).items() if name.split(".")[0] not in APART)
    folder = files("attnviz.content").joinpath(language)
    yield from ((file.name, file.read_text(encoding="utf-8")) for file in folder.iterdir())


@pytest.mark.parametrize("language", LANGUAGES)
def test_percents_are_written_as_the_numbers_beside_them(language: str) -> None:
    found = [name for name, text in said(language) if re.search(r"[0-9}] %(?![\w{(])", text)]
    assert not found  # numbers come out of Python as 13%


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", r"\b(dark|darker|darkest|light|lighter|lightest) (cells?|columns?|rows?|squares?|tiles?)\b"),
     ("zh", r"深色(格|列|行)|浅色(格|列|行)|最深的|颜色越[深浅]|底色越[深浅浓]")],
)  # fmt: skip
def test_no_colour_is_called_dark_or_light_where_the_theme_decides(language: str, words: str) -> None:
    assert not [name for name, text in said(language) if re.search(words, text)]


def test_readers_of_chinese_are_addressed_alike() -> None:
    assert not [name for name, text in said("zh") if "您" in text]


# Scripts and pages that make a text for a person; what is no text of a person (a scene, a link) has its own signs.
UI = files("attnviz.ui")
LISTS = {"allowed.py", "controls.py", "scenes.py", "told.py"}


def test_lists_are_parted_as_the_language_does() -> None:
    found = [file.name for file in Path(str(UI)).rglob("*.py") if '", ".join(' in file.read_text(encoding="utf-8")]
    assert set(found) <= LISTS  # others ask for the message `ui.listed`: 、 in Chinese


def test_small_numbers_are_written_as_people_do() -> None:
    scripts = [file.read_text(encoding="utf-8") for file in Path(str(UI)).rglob("*.js")]
    said = "".join(scripts)
    assert said.count(".toExponential(") == said.count("×10⁻$") > 0  # 7×10⁻⁴, not 7e-4


POINTED = {"en": r"\b(Point at|Click)\b", "zh": r"指着|点击|指针放"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_page_asks_to_do_is_said_to_fingers_too(language: str) -> None:
    words = table(language)
    looks = {name: text for name, text in words.items() if name.endswith(".look")}
    assert not [
        name for name, text in looks.items() if re.search(POINTED[language], text) and f"{name}_touch" not in words
    ]
