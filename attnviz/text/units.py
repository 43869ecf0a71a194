"""A text by token, by character or by word: which tokens belong together."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from attnviz.axes.units import Units
from attnviz.text.characters import numbered, words
from attnviz.text.labels import visible
from attnviz.text.tokens import Encoded

Unit = Literal["token", "character", "word"]
UNITS: tuple[Unit, ...] = get_args(Unit)
Span = tuple[int, int]
HAN = re.compile("[々〇〻\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
CIRCLE = "◌"  # what a token's label puts below a mark that stands alone
NUMBERED = re.compile(r" \d+/\d+$")  # the mark of a byte piece: 长 1/3


@lru_cache(maxsize=16)  # of a text of 8,192 tokens some 2 MB an entry
def groups(encoded: Encoded, by: str) -> Units:
    """Which tokens make up each character, or each word?

    "character": tokens that share a character as people see it (its byte pieces, a letter and its marks, the parts of
    an emoji: UAX 29) are one unit; a token of several characters cannot be split and stays whole. "word": jieba's words
    in Chinese, elsewhere those of UAX 29, which has no dictionary: in Thai and Hiragana each character is one. A token
    across two words belongs to the one that it shares most characters with; one in no word (a comma, an emoji) stands
    alone. Special tokens, and those of no characters, stand alone.

    >>> labels, spans = ("un", "##able", "[SEP]"), ((0, 2), (2, 6), None)
    >>> groups(Encoded("unable", (1, 2, 3), labels, spans, (False, False, True), None), "word").labels
    ('unable', '[SEP]')
    """
    count = len(encoded.ids)
    if by == "token":
        return Units(tuple(range(count)), encoded.labels, encoded.special)
    of = members(encoded, by)
    places = Units(of, ("",) * (max(of, default=-1) + 1), ()).places
    labels = tuple(_face(encoded, tokens, by) for tokens in places)
    return Units(of, labels, tuple(encoded.special[tokens[0]] for tokens in places))


def members(encoded: Encoded, by: str) -> tuple[int, ...]:
    """The number of each token's character, or word, as `groups` has them: their labels take longer than they do.

    >>> labels, spans = ("un", "##able", "[SEP]"), ((0, 2), (2, 6), None)
    >>> members(Encoded("unable", (1, 2, 3), labels, spans, (False, False, True), None), "word")
    (0, 0, 1)
    """
    joined = _sharing(encoded)
    if by == "word":
        joined = _in_words(encoded, joined)
    names: dict[int, int] = {}
    return tuple(names.setdefault(unit, len(names)) for unit in joined)


def _sharing(encoded: Encoded) -> list[int]:
    """For each token the first one with which it shares a character, by way of others if need be."""
    found: list[int] = []
    cluster = numbered(encoded.text)
    reach, first = -1, -1
    for place, (span, special) in enumerate(zip(encoded.spans, encoded.special, strict=True)):
        if span is None or special or span[0] >= span[1]:
            found.append(place)
            continue
        start, end = _inked(encoded.text, span)
        if first < 0 or cluster[start] > reach:
            first = place
        found.append(first)
        reach = max(reach, cluster[end - 1])
    return found


def _in_words(encoded: Encoded, joined: Sequence[int]) -> list[int]:
    """For each token the first one of its word; `joined` are tokens that must stay together."""
    spans: dict[int, Span] = {}
    for unit, span, special in zip(joined, encoded.spans, encoded.special, strict=True):
        if span is not None and not special:
            start, end = spans.get(unit, span)
            spans[unit] = min(start, span[0]), max(end, span[1])
    standing = words_in(encoded.text)
    first: dict[int, int] = {}  # the unit that begins each word
    found: dict[int, int] = {}
    behind = 0  # words that end before every span still to come: texts are read once
    for unit, (start, end) in spans.items():
        while behind < len(standing) and standing[behind][1] <= start:
            behind += 1
        best, most = -1, 0
        for number in range(behind, len(standing)):
            if standing[number][0] >= end:
                break
            shared = min(end, standing[number][1]) - max(start, standing[number][0])
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
    for run in HAN.finditer(text):
        spans += _others(text, start, run.start()) + _chinese(run.group(), run.start())
        start = run.end()
    return tuple(spans + _others(text, start, len(text)))


def _others(text: str, start: int, end: int) -> list[Span]:
    """The words of a stretch that is not Chinese."""
    return [(start + first, start + last) for first, last in words(text[start:end])]


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
    special = encoded.special[tokens[0]] or encoded.spans[tokens[0]] is None
    if alone is not None and (special or (by == "character" and not alone.startswith(CIRCLE))):
        return alone
    shown, read = "", 0
    for place in tokens:
        span = encoded.spans[place] or (read, read)
        start = read if shown else _inked(encoded.text, span)[0]
        shown += _spelt(encoded, place, start, begun=bool(shown))
        read = max(read, span[1])
    return shown or encoded.labels[tokens[0]]


def _spelt(encoded: Encoded, place: int, start: int, *, begun: bool) -> str:
    """What one token adds to a unit's label from character `start` on; [MASK] or [UNK:…] where it spells nothing.

    A mark goes on the letter before it; one that begins a label gets a blank to stand on, not a circle nobody typed.
    """
    span = encoded.spans[place]
    if span is None:
        return encoded.labels[place]
    bare, face = NUMBERED.sub("", encoded.labels[place]), visible(encoded.text[slice(*span)])
    if bare not in (face, "##" + face, "␣" + face):
        return bare
    text = encoded.text[start : max(start, _inked(encoded.text, span)[1])]
    shown = visible(text)
    added = shown.startswith(CIRCLE) and not text.startswith(CIRCLE)
    return ("" if begun else "\u00a0") + shown[1:] if added else shown
