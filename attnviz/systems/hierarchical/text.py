"""How a document becomes sentences, and a sentence words: the two levels that hierarchical attention looks over."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jieba

Span = tuple[int, int]  # the first character and the one after the last
WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*|[^\w\s]|_")  # disney's is one word, a mark is one word
CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
LATIN = re.compile(r"[A-Za-z]+")
NEAR = 40  # characters to each side of a mark that say whether it ends a sentence
CLOSING = "”’\"'」』）)》】]"
WIDE_END = re.compile(rf"(?:[。！？]|…{{2}})[。！？!?…]*[{re.escape(CLOSING)}]*")
NARROW_END = re.compile(rf"(?P<mark>[.!?]+)[{re.escape(CLOSING)}]*(?=\s)")
ABBREVIATIONS = re.compile(
    r"(mrs?|ms|drs?|prof|st|jr|sr|vs|etc|vol|inc|ltd|co|corp|gen|col|lt|sgt|capt|rev|hon|gov|sen|rep|cf|al|fig|dept"
    r"|est|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|ph\.d|[a-z](\.[a-z])+|[A-Z])",  # Mr, e.g, U.S, an initial
    re.IGNORECASE,
)


def sentences(text: str, *, lines_only: bool = False) -> list[Span]:
    """Where do the sentences of a document begin and end? Character spans, without the spaces around them.

    A line end always ends a sentence. Unless `lines_only` (a dialogue: one utterance a line), so do 。！？ and …… with
    the quotes that close after them, and . ! ? before a space when the next word does not begin with a small letter (in
    a text without any capital: when the mark stands close to its word), except after an abbreviation or an initial.

    >>> [("Dr. No came. He left!")[a:b] for a, b in sentences("Dr. No came. He left!")]
    ['Dr. No came.', 'He left!']
    """
    found, capitals = [], any(character.isupper() for character in text)
    for line in re.finditer(r"[^\n\r\u2028\u2029\u0085]+", text):
        ends = [] if lines_only else _ends(line[0], capitals=capitals)
        for start, end in pairwise([0, *ends, len(line[0])]):
            found.append(_trimmed(text, line.start() + start, line.start() + end))
    return [(start, end) for start, end in found if start < end]


def _ends(line: str, *, capitals: bool) -> list[int]:
    """The places inside a line where one sentence ends and another follows."""
    wide = [match.end() for match in WIDE_END.finditer(line)]
    narrow = [match.end() for match in NARROW_END.finditer(line) if _ends_here(line, match, capitals=capitals)]
    last = len(line.rstrip())
    return [end for end in sorted({*wide, *narrow}) if end < last]


def _ends_here(line: str, match: re.Match[str], *, capitals: bool) -> bool:
    """Does a narrow mark end its sentence?"""
    first = next((character for character in line[match.end() : match.end() + NEAR] if character.isalnum()), "")
    before = line[max(0, match.start() - NEAR) : match.start()]
    last = re.split(r"[\s(\"'“‘]", before)[-1]
    if match["mark"] == "." and ABBREVIATIONS.fullmatch(last):
        return False
    if not first or (not capitals and not last):
        return False
    return not first.islower() or not capitals


def _trimmed(text: str, start: int, end: int) -> Span:
    """A span without the spaces at its ends."""
    part = text[start:end]
    return end - len(part.lstrip()), start + len(part.rstrip())


def english(text: str) -> list[Span]:
    """The words and marks of an English sentence.

    >>> [("It isn't bad.")[a:b] for a, b in english("It isn't bad.")]
    ['It', "isn't", 'bad', '.']
    """
    return [match.span() for match in WORD.finditer(text)]


def chinese(text: str) -> list[Span]:
    """The words and marks of a Chinese sentence, as jieba's dictionary cuts them.

    >>> [("我喜欢这部电影。")[a:b] for a, b in chinese("我喜欢这部电影。")]
    ['我', '喜欢', '这部', '电影', '。']
    """
    return [(start, end) for word, start, end in _jieba().tokenize(text) if word.strip()]


@cache
def _jieba() -> jieba.Tokenizer:
    """A jieba of our own, with its plain dictionary, whatever others add to the shared one."""
    import jieba  # half a second, and only Chinese needs it

    jieba.setLogLevel(logging.WARNING)
    return jieba.Tokenizer()


WORDS: dict[str, Callable[[str], list[Span]]] = {"en": english, "zh": chinese}


def entry(word: str) -> str:
    """A word as the vocabulary has it: small letters, the straight apostrophe.

    >>> entry("Isn’t")
    "isn't"
    """
    return word.lower().replace("’", "'")


def language_of(text: str) -> str | None:
    """Is it mostly Chinese ("zh") or written in Latin letters ("en")? None where there is neither.

    A Chinese character counts as much as a Latin word.
    """
    wide, narrow = len(CHINESE.findall(text)), len(LATIN.findall(text))
    if not wide and not narrow:
        return None
    return "zh" if wide >= narrow else "en"
