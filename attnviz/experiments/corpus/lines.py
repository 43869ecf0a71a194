"""A corpus as it lies in a file, one sentence a line: read as a stream, in windows that are the same at every reading.

Plain text or gzip, UTF-8, UTF-16 or GB 18030; "-" is the standard input. Blank lines are no sentences. A line that is
no text, or far too long, costs that line. What has been read is summed up (SHA-256), so that who goes on from a place
knows that what lies before it is what was read then.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from attnviz.errors import AttnvizError, TextError
from attnviz.text.decode import encoding_of
from attnviz.text.tokens import MOST_CHARACTERS

INPUT = "-"
LINES, CHARACTERS = 2_048, 2**16  # that end a window; whole lines
SNIFFED = 2**16  # bytes by which a file is known
GZIP = b"\x1f\x8b"
BAD = "\udcff"  # in the place of bytes that are no text: none that is has it
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
Line = tuple[int, str]  # its number in the file, from 1, and what it says
Refused = tuple[int, AttnvizError]

codecs.register_error("attnviz-marked", lambda error: (BAD, error.end))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Place:
    """How far a file was read: windows, lines, and the sum of all text up to there."""

    windows: int = 0
    lines: int = 0
    digest: str = ""


@dataclass(frozen=True)
class Window:
    """Some lines: those to read by their numbers, those that are refused already, the place after them.

    `share` says which part of the file has been read by then, 0 to 1; None where that cannot be known.
    """

    lines: tuple[Line, ...]
    refused: tuple[Refused, ...]
    after: Place
    share: float | None


@dataclass(frozen=True)
class Source:
    """A file of lines, or the standard input. Raises `TextError` where it is none, is empty or is no text."""

    name: str
    size: int | None

    @classmethod
    def of(cls, file: str | Path) -> Source:
        """What was named. A pipe or a folder is refused before it is opened, for that may wait for ever."""
        if str(file) == INPUT:
            return cls(INPUT, None)
        path = Path(file)
        try:
            if path.is_file():
                return cls(str(path), path.stat().st_size)
            there = path.exists()
        except (OSError, ValueError):  # too long, or with a zero in it
            there = False
        raise TextError("corpus_no_regular", file=file) if there else TextError("corpus_no_file", file=file)

    def windows(self) -> Iterator[Window]:
        """All of its windows, from the first."""
        with self._opened() as raw:
            yield from _windows(_Text(raw, self._named, self.size))

    @property
    def _named(self) -> str:
        return "stdin" if self.name == INPUT else Path(self.name).name

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if self.name == INPUT:
            yield sys.stdin.buffer
            return
        try:
            raw = Path(self.name).open("rb")  # noqa: SIM115 - what goes wrong later is told elsewhere
        except OSError as reason:
            raise TextError("corpus_unread", file=self._named, reason=reason.strerror or reason) from reason
        with raw:
            yield raw


class _Again(io.RawIOBase):
    """A stream of which the beginning was read already."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._start[: len(buffer)] or self._rest.read(len(buffer))
        self._start = self._start[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)


class _Text:
    """The lines of a stream of bytes."""

    def __init__(self, raw: IO[bytes], name: str, size: int | None) -> None:
        self.name, self._raw, self._size = name, raw, size
        start = raw.read(SNIFFED)
        stream: Any = io.BufferedReader(_Again(start, raw))
        try:
            if start.startswith(GZIP):
                opened = gzip.GzipFile(fileobj=stream)
                start = opened.read(SNIFFED)
                stream = io.BufferedReader(_Again(start, opened))  # type: ignore[arg-type]
        except DAMAGED as reason:
            raise TextError("corpus_damaged", file=name, line=1) from reason
        if not start.strip(b"\xef\xbb\xbf \t\r\n"):
            raise TextError("corpus_empty", file=name)
        encoding = encoding_of(start)
        if encoding is None:
            raise TextError("corpus_no_text", file=name)
        self._text = io.TextIOWrapper(stream, encoding, errors="attnviz-marked")

    def share(self) -> float | None:
        """Which part has been read."""
        return None if not self._size else min(1.0, self._raw.tell() / self._size)

    def line(self, number: int) -> tuple[str, AttnvizError | None]:
        """The next line with its end, "" after the last, and why it is none to read. One that is far too long is not
        held: of it there is the beginning and its length.
        """
        try:
            found = self._text.readline(MOST_CHARACTERS + 1)
            if len(found) <= MOST_CHARACTERS or found.endswith("\n"):
                return found, TextError("corpus_line_no_text") if BAD in found else None
            count = len(found)
            while more := self._text.readline(MOST_CHARACTERS):
                count += len(more.rstrip("\n"))
                if more.endswith("\n"):
                    break
            return f"{found[:64]}{count}", TextError("text_huge", characters=count, most=MOST_CHARACTERS)
        except DAMAGED as reason:
            raise TextError("corpus_damaged", file=self.name, line=number) from reason
        except OSError as reason:
            raise TextError("corpus_unread", file=self.name, reason=reason.strerror or reason) from reason


def _windows(text: _Text) -> Iterator[Window]:
    """Lines until there are enough of them, or of characters."""
    digest, number, count = hashlib.sha256(), 0, 0
    while True:
        lines: list[Line] = []
        refused: list[Refused] = []
        size = before = 0
        while size < CHARACTERS and before < LINES:
            found, reason = text.line(number + 1)
            if not found:
                break
            number, before, size = number + 1, before + 1, size + len(found)
            digest.update(found.encode("utf-8", "surrogatepass"))
            if reason is not None:
                refused.append((number, reason))
            elif found.strip():
                lines.append((number, found.strip()))
        if not before:
            return
        count += 1
        yield Window(tuple(lines), tuple(refused), Place(count, number, digest.hexdigest()), text.share())
