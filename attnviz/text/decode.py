"""Which text does a file that somebody brings hold?"""

from __future__ import annotations


def decoded(content: bytes) -> str | None:
    """A file's text in UTF-8, or as a Chinese Excel writes it; None for what is no text."""
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None
