"""The lesson's first picture comes with the page, in the reader's language, and says nothing that is not known yet."""

from __future__ import annotations

import base64
import re

import pytest

from attnviz.messages import LANGUAGES, say
from attnviz.ui.kit import LESSONS
from attnviz.ui.server.first_lesson import asked_lesson, drawn_lesson


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ({}, "zh-CN,zh;q=0.9", "zh"),
        ({}, "de", "en"),
        ({"lang": "en"}, "zh-CN", "en"),
        ({"lang": "fr"}, "zh-CN", None),
        ({"lang": "en", "step": "2"}, "en", None),
        ({"text": "猫"}, "zh", None),
    ],
)
def test_only_the_beginning_of_the_lesson_is_drawn(query: dict[str, str], accepted: str, language: str | None) -> None:
    assert asked_lesson(query, accepted) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_stands_there_with_questions_and_no_weight(language: str) -> None:
    page = drawn_lesson(language)
    light, dark = (base64.b64decode(one).decode() for one in re.findall(r"base64,([^\"]+)", page))
    text, _ = LESSONS[language]
    for svg in (light, dark):
        assert "".join(re.findall(r"<text[^>]*>([^<]+)<", svg)) == text.replace(" ", "")
        assert "data-weight" not in svg and "stroke-dasharray='3 5'" in svg
    assert say("lesson.title", language) in page and f"lang='{language}'" in page
    assert ".st-key-lesson-options button" in page and "PICTURE" not in page
