"""Characters as people see them, and words of scripts without a dictionary (Unicode UAX 29)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

Span = tuple[int, int]
# A cluster. Flags before others are said apart, for `regex` looks back over all of them: 200,000 take it minutes.
CLUSTER = r"\p{RI}{2}(?=\p{RI})|\X"
# What is in no word: a picture, drawn so by itself or by the selector U+FE0F; a key (U+20E3); a letter of a flag.
PICTURE = r"\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\u20E3|\p{RI}|\p{Extended_Pictographic}"
# Printable ASCII, Latin letters, marks of Western and Chinese texts, Chinese characters, fullwidth ASCII: each is one
# character by itself, whatever stands beside it, and none is a picture.
PLAIN = re.compile(
    "[ -~\u00a1-\u00a8\u00aa-\u00ac\u00af-\u017f\u2010-\u2027\u3000-\u3011\u3014-\u301b\u3400-\u4dbf\u4e00-\u9fff"
    "\uff01-\uff5e]+"
)
LETTERED = r"[\p{L}\p{N}\p{M}_]"


def clusters(text: str) -> list[Span]:
    r"""The characters of a text as people see them: extended grapheme clusters (Unicode UAX 29), `[start, end)`.

    >>> [len(range(*span)) for span in clusters("e\u0301🇨🇳\r\n")]
    [2, 2, 2]
    """
    if PLAIN.fullmatch(text):
        return [(place, place + 1) for place in range(len(text))]
    return [found.span() for found in _pattern(CLUSTER).finditer(text)]


def numbered(text: str) -> Sequence[int]:
    r"""The number of the character that each place of a text is in.

    >>> numbered("e\u0301n")
    [0, 0, 1]
    """
    return range(len(text)) if PLAIN.fullmatch(text) else together(clusters(text), len(text))


def words(text: str) -> list[Span]:
    """Words by UAX 29's default rules: what lies between two boundaries and has a letter or digit, less any emoji.

    Without a dictionary each character of Thai or Hiragana is one. An emoji is in no word, a digit on a key neither.

    >>> [text[slice(*span)] for text in ["it's 3.14, naïve 1️⃣"] for span in words(text)]
    ["it's", '3.14', 'naïve']
    """
    found: list[Span] = []
    start = 0
    for end, after in (*_emoji(text), (len(text), len(text))):
        edges = [edge.start() + start for edge in _pattern(r"(?w)\b").finditer(text[start:end])]
        found += [span for span in pairwise(edges) if _pattern(LETTERED).search(text, *span)]
        start = after
    return found


def _emoji(text: str) -> list[Span]:
    """Where the pictures of a text stand."""
    if not _pattern(PICTURE).search(text):
        return []
    return [span for span in clusters(text) if _pattern(PICTURE).search(text, *span)]


def together(spans: Iterable[Span], length: int) -> list[int]:
    """The number of the span that each of `length` places is in; the spans follow each other without gaps."""
    found: list[int] = []
    for number, (start, end) in enumerate(spans):
        found += [number] * (end - start)
    assert len(found) == length
    return found


@cache  # a handful of patterns
def _pattern(written: str) -> Any:
    """A pattern of `regex`, which knows Unicode's clusters and word boundaries; 20 ms to import, on first use."""
    import regex

    return regex.compile(written, regex.VERSION1)
