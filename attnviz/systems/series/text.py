"""A file or a pasted text as rows of cells, however a spreadsheet wrote it: its encoding and what parts its fields.

UTF-8, UTF-16 and GB 18030 (what a Chinese Excel writes, GBK among it); commas, semicolons, tabs, bars or spaces.
"""

from __future__ import annotations

import csv
import re
from collections import Counter

from attnviz.errors import TextError
from attnviz.text import decode

MOST_ROWS = 200_000
MOST_BYTES = 40_000_000
LOOKED_AT = 60  # lines that say what parts the fields
DELIMITERS = (";", "\t", "|", ",")
SPACES = re.compile(r"[ \u3000]{2,}|(?<=\d) (?=[-+\d.])")
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls


def decoded(content: bytes) -> str:
    """A file's text. Raises `TextError` for one that is empty, too large, a workbook, or no text.

    >>> decoded("日期,值".encode("gbk"))
    '日期,值'
    """
    if not content.strip():
        raise TextError("series_empty")
    if len(content) > MOST_BYTES:
        raise TextError("series_too_heavy", size=round(len(content) / 1e6), most=round(MOST_BYTES / 1e6))
    if content.startswith(WORKBOOKS):
        raise TextError("series_workbook")
    text = decode.decoded(content)
    if text is None:
        raise TextError("series_no_text")
    return text


def rows_of(text: str) -> list[list[str]]:
    """The cells of every line that has any. Raises `TextError` for a text without lines, and for too many of them."""
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip(" \t,;|")]
    if not lines:
        raise TextError("series_empty")
    if len(lines) > MOST_ROWS:
        raise TextError("series_rows", rows=len(lines), most=MOST_ROWS)
    if lines[0].lower().startswith("sep=") and len(lines) > 1:  # what Excel writes to itself
        lines = lines[1:]
    mark = delimiter(lines)
    if mark == " ":
        return [[cell.strip() for cell in SPACES.split(line.strip())] for line in lines]
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    except csv.Error as reason:
        raise TextError("series_no_text") from reason


def delimiter(lines: list[str]) -> str:
    """What parts the fields: the mark that most lines have equally often, " " for none.

    >>> delimiter(["a;b", "1,5;2"]), delimiter(["1", "2"]), delimiter(["2014-01-01 08:00,3"])
    (';', ',', ',')
    """
    some = lines[:LOOKED_AT]
    for mark in DELIMITERS:
        counts = Counter(line.count(mark) for line in some)
        often, lines_alike = counts.most_common(1)[0]
        if often and lines_alike * 2 > len(some):
            return mark
    spaced = sum(len(SPACES.split(line.strip())) > 1 for line in some)
    return " " if spaced * 2 > len(some) else ","
