"""The words that a page explains: each has a name, a pattern, a sentence and a page, in both languages."""

from __future__ import annotations

import re

import pytest

from attnviz.messages import LANGUAGES, table
from attnviz.ui import registry
from attnviz.ui.kit.frame import glossary
from attnviz.ui.kit.frame.glossary import WORDS

# What pages say, and the words that are found in it, those of one place by the longer one.
SAID = {
    "zh": {
        "分词 F1 与键盘无关": {"f1"}, "分层抽样": set(), "汇报": set(), "词汇": set(),
        "特殊词元（汇）": {"token", "sink"},
        "键（被看的词元）": {"key", "token"}, "KL 散度": {"kl"}, "[CLS] 和 [SEP]": {"special"},
    },
    "en": {
        "keyboard": set(), "two tokens": {"token"}, "habits": set(), "1.2 bits": {"bit"}, "a dispatch": set(),
        "the held-out sentences": {"held_out"}, "queries and keys": {"query", "key"}, "KL divergence": {"kl"},
        "the goalkeeper's key.": {"key"}, "key-value pairs": set(),
    },
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_found_by_its_own_pattern_and_said_in_one_sentence(word: str, language: str) -> None:
    said = table(language)
    name, forms, says = (said[f"glossary.{word}{part}"] for part in ("", "_forms", "_says"))
    assert re.search(forms, name, re.IGNORECASE)
    assert says.endswith("。" if language == "zh" else ".") and len(says) <= (70 if language == "zh" else 160)


@pytest.mark.parametrize("language", LANGUAGES)
def test_patterns_find_the_words_and_not_what_looks_like_them(language: str) -> None:
    forms = {word: table(language)[f"glossary.{word}_forms"] for word in WORDS}
    for text, words in SAID[language].items():
        assert {word for word, form in forms.items() if re.search(form, text, re.IGNORECASE)} == words, text


def test_every_word_leads_to_a_page() -> None:
    assert set(WORDS.values()) <= {screen.name for screen in registry.screens()}
    assert registry.named("limits").name == "limits"


def test_the_page_of_a_word_is_asked_for_once() -> None:
    glossary.ask("entropy")
    glossary.ask("no such word")
    assert (glossary.asked(), glossary.asked()) == (WORDS["entropy"], None)
