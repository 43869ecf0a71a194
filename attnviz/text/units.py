"""A text by token, by character or by word: which tokens belong together."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from attnviz.axes.units import Units
from attnviz.text.labels import visible
from attnviz.text.tokens import Encoded

Unit = Literal["token", "character", "word"]
UNITS: tuple[Unit, ...] = get_args(Unit)
Span = tuple[int, int]
HAN = re.compile("[々〇〻\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
NUMBERED = re.compile(r" \d+/\d+$")  # the mark of a byte piece: 长 1/3


@lru_cache(maxsize=16)  # of a text of 8,192 tokens some 2 MB an entry
def groups(encoded: Encoded, by: str) -> Units:
    """Which tokens make up each character, or each word?

    "character": tokens that share a character (its byte pieces) are one unit; a token of several characters cannot be
    split and stays whole. "word": jieba's words in Chinese; elsewhere letters and digits up to a space or punctuation
    mark, apostrophes inside and all; a script without spaces that is not Chinese is one word as far as it goes. A token
    across two words belongs to the one that it shares most characters with; one in no word (a comma, an emoji) stands
    alone. Special tokens, and those of no characters, stand alone.

    >>> labels, spans = ("un", "##able", "[SEP]"), ((0, 2), (2, 6), None)
    >>> groups(Encoded("unable", (1, 2, 3), labels, spans, (False, False, True), None), "word").labels
    ('unable', '[SEP]')
    """
    count = len(encoded.ids)
    if by == "token":
        return Units(tuple(range(count)), encoded.labels, encoded.special)
    joined = _sharing(encoded)
    if by == "word":
        joined = _in_words(encoded, joined)
    names: dict[int, int] = {}
    of = tuple(names.setdefault(unit, len(names)) for unit in joined)
    places = Units(of, ("",) * len(names), ()).places
    labels = tuple(_face(encoded, tokens, by) for tokens in places)
    return Units(of, labels, tuple(encoded.special[tokens[0]] for tokens in places))


def _sharing(encoded: Encoded) -> list[int]:
    """For each token the first one with which it shares a character, by way of others if need be."""
    found: list[int] = []
    reach, first = 0, -1
    for place, (span, special) in enumerate(zip(encoded.spans, encoded.special, strict=True)):
        if span is None or special:
            found.append(place)
            continue
        start, end = _inked(encoded.text, span)
        if first < 0 or start >= reach:
            first = place
        found.append(first)
        reach = max(reach, end)
    return found


def _in_words(encoded: Encoded, joined: Sequence[int]) -> list[int]:
    """For each token the first one of its word; `joined` are tokens that must stay together."""
    spans: dict[int, Span] = {}
    for unit, span, special in zip(joined, encoded.spans, encoded.special, strict=True):
        if span is not None and not special:
            start, end = spans.get(unit, span)
            spans[unit] = min(start, span[0]), max(end, span[1])
    words = words_in(encoded.text)
    first: dict[int, int] = {}  # the unit that begins each word
    found: dict[int, int] = {}
    behind = 0  # words that end before every span still to come: texts are read once
    for unit, (start, end) in spans.items():
        while behind < len(words) and words[behind][1] <= start:
            behind += 1
        best, most = -1, 0
        for number in range(behind, len(words)):
            if words[number][0] >= end:
                break
            shared = min(end, words[number][1]) - max(start, words[number][0])
            best, most = (number, shared) if shared > most else (best, most)
        found[unit] = unit if best < 0 else first.setdefault(best, unit)
    return [found.get(unit, unit) for unit in joined]


@lru_cache(maxsize=16)  # of a text of 8,192 tokens some 2 MB an entry
def words_in(text: str) -> tuple[Span, ...]:
    """Where do the words of a text stand? Character ranges `[start, end)`; what lies between is in no word.

    >>> words_in("don't 3.14")
    ((0, 5), (6, 10))
    """
    spans: list[Span] = []
    start = 0
    while start < len(text):
        run = HAN.match(text, start)
        if run is not None:
            spans += _chinese(run.group(), start)
            start = run.end()
        elif _in_word(text, start):
            end = start + 1
            while end < len(text) and not HAN.match(text, end) and _in_word(text, end):
                end += 1
            spans.append((start, end))
            start = end
        else:
            start += 1
    return tuple(spans)


def _in_word(text: str, place: int) -> bool:
    """Is this character a letter, a digit, a mark on one; or an apostrophe, joiner or decimal point between such?"""
    character = text[place]
    if _lettered(character):
        return True
    if not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if character in "'\u2019":
        return before.isalpha() and after.isalpha()
    if character in "\u200c\u200d":  # within Persian or Hindi words; in an emoji there are no letters beside it
        return _lettered(before) and _lettered(after)
    return character in ".," and before.isdecimal() and after.isdecimal()


def _lettered(character: str) -> bool:
    """A letter, a digit, a mark on one, or an underscore; the selector behind an emoji is none."""
    kind = unicodedata.category(character)[0]
    return character == "_" or (kind in "LNM" and not "\ufe00" <= character <= "\ufe0f")


def _chinese(run: str, start: int) -> list[Span]:
    """jieba's words of a run of Chinese characters that begins at character `start`."""
    spans = []
    for word in _jieba().cut(run):
        spans.append((start, start + len(word)))
        start += len(word)
    return spans


@cache
def _jieba() -> Any:
    """jieba with its dictionary, read on first use (about a second), without its messages."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    return jieba


def _inked(text: str, span: Span) -> Span:
    """A span less the white space around it; one of white space alone as it is."""
    start, end = span
    face = text[start:end].strip()
    if not face:
        return span
    start += text[start:end].index(face[0])
    return start, start + len(face)


def _face(encoded: Encoded, tokens: Sequence[int], by: str) -> str:
    """A unit's label: the characters that its tokens cover; a token that does not spell its own keeps its label."""
    alone = encoded.labels[tokens[0]] if len(tokens) == 1 else None
    if alone is not None and (by == "character" or encoded.special[tokens[0]] or encoded.spans[tokens[0]] is None):
        return alone
    shown, read = "", 0
    for place in tokens:
        span = encoded.spans[place] or (read, read)
        start = read if shown else _inked(encoded.text, span)[0]
        shown += _spelt(encoded, place, start)
        read = max(read, span[1])
    return shown or encoded.labels[tokens[0]]


def _spelt(encoded: Encoded, place: int, start: int) -> str:
    """What one token adds to a unit's label from character `start` on; [MASK] or [UNK:…] where it spells nothing."""
    span = encoded.spans[place]
    if span is None:
        return encoded.labels[place]
    bare, face = NUMBERED.sub("", encoded.labels[place]), visible(encoded.text[slice(*span)])
    if bare not in (face, "##" + face, "␣" + face):
        return bare
    return visible(encoded.text[start : max(start, _inked(encoded.text, span)[1])])
