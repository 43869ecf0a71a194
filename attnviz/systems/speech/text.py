"""The words that are written: ten digits, in Chinese or English, and the end."""

from __future__ import annotations

from collections.abc import Sequence

from attnviz.text.tokens import Encoded

WORDS = {
    "zh": ("零", "一", "二", "三", "四", "五", "六", "七", "八", "九"),
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
LANGUAGES = tuple(WORDS)
DIGITS = 10
END, BEGIN = 10, 11  # the numbers 0 to 9 are the digits
KINDS = 12  # numbers that the decoder reads
MARKS = {END: "</s>", BEGIN: "<s>"}
LONGEST = 9  # tokens of an answer: eight digits and the end, the most that training had


def named(number: int, language: str) -> str:
    """A token's name in a language."""
    return MARKS.get(number) or WORDS[language][number]


def written(ids: Sequence[int], language: str) -> Encoded:
    """Digits and marks as tokens of a text: 三零七 has no gaps, "three zero seven" has; a mark spells nothing.

    >>> written([3, 0, END], "en").text
    'three zero'
    """
    text, spans = "", []
    for number in ids:
        word = "" if number in MARKS else WORDS[language][number]
        text += " " if word and text and language == "en" else ""
        spans.append((len(text), len(text) + len(word)) if word else None)
        text += word
    special = tuple(number in MARKS for number in ids)
    labels = tuple(named(number, language) for number in ids)
    return Encoded(text, tuple(ids), labels, tuple(spans), special, None)
