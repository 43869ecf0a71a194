"""Which text does a file that somebody brings hold?"""

from __future__ import annotations

import re

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


def _encodings(content: bytes) -> tuple[str, ...]:
    """Which encodings may it be in? A text of UTF-16 without its mark has a zero in every other byte."""
    if content[:2] in MARKS:
        return ("utf-16",)
    start = content[:400]
    zeros = [start[half::2].count(0) * 3 > len(start) for half in (0, 1)]
    if zeros[0] is not zeros[1]:
        return ("utf-16-be" if zeros[0] else "utf-16-le",)
    return ("utf-8-sig", "gb18030")
