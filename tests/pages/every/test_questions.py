"""The reader's questions: each is answered by a sentence of the screen that `docs/questions.md` links to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES
from tests.pages.opened import ROOT, run_page, seen

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "questions.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and "`/" in line
]
FOLDED = ("expander", "popover", "status")


def open_texts(block: object) -> Iterator[str]:
    """What is written in the open: not in what is folded, nor in any tab but the first."""
    for number, child in getattr(block, "children", {}).items():
        kind = type(child).__name__
        if kind in ("Markdown", "Caption", "Info", "Warning", "Success"):
            yield child.value
        elif getattr(child, "type", "") not in FOLDED and not (kind == "Tab" and number):
            yield from open_texts(child)


def read_screen(at: AppTest) -> str:
    """What a reader reads, without marks and with single spaces."""
    text = seen(" ".join(open_texts(at.main)))
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>|\*\*", "", text)))


def test_there_are_ten_questions() -> None:
    assert len(ROWS) == 10 and all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("row", ROWS, ids=[row[0].split("?")[0] for row in ROWS])
def test_the_screen_answers_the_question(row: list[str], lang: str) -> None:
    link = urlsplit(row[1].strip("`"))
    at = run_page(link.path.strip("/"), lang, dict(parse_qsl(link.query)))
    assert not at.exception and not at.error
    assert row[2 if lang == "en" else 3] in read_screen(at)
