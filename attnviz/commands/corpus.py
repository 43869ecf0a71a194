"""`attnviz corpus MODEL FILE --out heads.parquet`: what every head does over all sentences of a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from attnviz.commands import terminal
from attnviz.errors import ArgumentError
from attnviz.messages import say

if TYPE_CHECKING:
    from attnviz.experiments.corpus import Corpus, Progress

TOLD = 5  # refused lines that are named with their reasons
SELDOM = 0.2  # seconds between two lines of progress


def lines(given: Mapping[str, str], language: str) -> Iterator[str]:
    """Read, sum, write. Raises `AttnvizError` for what cannot be read, asked for or written."""
    import attnviz as av
    from attnviz.experiments.corpus.run import asked

    options: dict[str, Any] = {
        "measures": given.get("--measure"), "executor": given.get("--executor", "loop"), "out": given["--out"],
        "workers": _number("workers", given.get("--workers")),
        "threads": _number("threads", given.get("--threads", "1")),
    }  # fmt: skip
    asked(given["FILE"], **options)  # what is wrong is told before a model is loaded
    model = av.load(given["MODEL"], progress=partial(terminal.tell, language))
    begun, bar = time.monotonic(), Bar(language)
    try:
        found = av.corpus(model, given["FILE"], on_lines=bar, **options)
    finally:
        bar.end()
    yield from said(found, given["--out"], time.monotonic() - begun, language)


def _number(name: str, said: str | None) -> int | None:
    """A whole number, where one was given. Raises `ArgumentError`."""
    if said is None:
        return None
    if not said.isdecimal() or len(said) > 9:
        raise ArgumentError("corpus_count", name=name, got=said)
    return int(said)


def said(found: Corpus, file: str, seconds: float, language: str) -> Iterator[str]:
    """What came of it, and which lines could not be read."""
    atlas = found.atlas
    yield say(
        "command.corpus_done", language, file=file, heads=len(atlas.places), model=atlas.model,
        texts=f"{atlas.texts:,}", tokens=f"{atlas.tokens:,}", lines=f"{found.lines:,}",
        time=duration(seconds, language),
    )  # fmt: skip
    if atlas.left_out:
        yield say("command.corpus_left_out", language, count=atlas.left_out)
        for number, reason in found.refused[:TOLD]:
            yield say("command.corpus_refused", language, number=number, reason=reason.say(language))
        if atlas.left_out > TOLD:
            yield say("command.corpus_more", language, count=atlas.left_out - TOLD)


def duration(seconds: float, language: str) -> str:
    """So long, in words."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes:
        return say("command.corpus_minutes", language, minutes=minutes, seconds=rest)
    return say("command.corpus_seconds", language, seconds=rest)


class Bar:
    """How far it is, how fast, and how long it will take, in one line that is written over; for people alone."""

    def __init__(self, language: str) -> None:
        self._language, self._told = language, 0.0
        self._first: tuple[float, Progress] | None = None
        self._seen = sys.stderr.isatty()

    def __call__(self, now: Progress) -> None:
        clock = time.monotonic()
        if self._first is None:
            self._first = clock, now
        elif self._seen and clock - self._told >= SELDOM:
            self._told = clock
            print(terminal.CLEAR + self.line(clock, now), end="", file=sys.stderr, flush=True)

    def line(self, clock: float, now: Progress) -> str:
        """What is said at that time."""
        begun, first = self._first or (clock, now)
        took = max(clock - begun, 1e-9)
        speed = (now.lines - first.lines) / took
        known = {"lines": f"{now.lines:,}", "speed": f"{speed:,.0f}"}
        done = (now.share or 0.0) - (first.share or 0.0)
        if now.share is None or done <= 0:
            return say("command.corpus_line", self._language, **known)
        left = duration(took * (1 - now.share) / done, self._language)
        return say("command.corpus_line_share", self._language, share=f"{now.share:.0%}", left=left, **known)

    def end(self) -> None:
        """Nothing is left of it."""
        if self._seen and self._told:
            print(terminal.CLEAR, end="", file=sys.stderr, flush=True)
