"""Which text does a file that somebody brings hold?"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
LOOKED_AT = 100_000  # characters in which what is no text would show


def decoded(content: bytes) -> str | None:
    """A file's text in UTF-8, UTF-16, or GB 18030 as a Chinese Excel writes it; None for what is no text.

    >>> decoded("日期,值".encode("gbk")), decoded(b"\\x89PNG\\x00")
    ('日期,值', None)
    """
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if NO_TEXT.search(text[:LOOKED_AT]) else text
    return None


def encoding_of(start: bytes) -> str | None:
    """The encoding of a file that begins so and goes on: most of its lines are text in it. None for what is no text.

    >>> encoding_of("南京\\n上海".encode("gbk")), encoding_of("南京\\n".encode() * 9 + b"\\xff")
    ('gb18030', 'utf-8-sig')
    """
    if (first := _encodings(start)[0]).startswith("utf-16"):
        return first
    if b"\0" in start:
        return None
    lines = start.split(b"\n")
    told = [line for line in lines if not line.isascii()] or lines
    for encoding, judged in (("utf-8-sig", told), ("gb18030", told), ("utf-8-sig", lines)):
        if 2 * sum(_is_text(line, encoding) for line in judged) >= len(judged):
            return encoding
    return None


def _is_text(line: bytes, encoding: str) -> bool:
    """Is it text, as far as it goes? It may be cut anywhere."""
    try:
        found = getincrementaldecoder(encoding)().decode(line)
    except UnicodeDecodeError:
        return False
    return not NO_TEXT.search(found)


def _encodings(content: bytes) -> tuple[str, ...]:
    """Which encodings may it be in? A text of UTF-16 without its mark has a zero in every other byte."""
    if content[:2] in MARKS:
        return ("utf-16",)
    start = content[:400]
    zeros = [start[half::2].count(0) * 3 > len(start) for half in (0, 1)]
    if zeros[0] is not zeros[1]:
        return ("utf-16-be" if zeros[0] else "utf-16-le",)
    return ("utf-8-sig", "gb18030")
