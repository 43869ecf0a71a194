"""People who come at once are let in one after the other: half of them then wait half as long, and none longer.

A page's first run is work of the interpreter, which does one thing at a time: twelve begun together all end at the
end. Who has been let in for `LET_IN` seconds keeps nobody any longer, whatever the run still waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LET_IN = 1.0  # seconds


@dataclass(frozen=True)
class _Visit:
    """Whether somebody is in, or was, and whether that is over."""

    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class Arrivals:
    """A door for one at a time, the first that came first. May be used by many threads."""

    def __init__(self, let_in: float = LET_IN) -> None:
        self._let_in, self._until = let_in, 0.0  # when who is in keeps the next no longer
        self._last = _Visit()
        self._last.begun.set()
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Come in when the one before has been, or has had the time."""
        own = _Visit()
        with self._lock:
            before, self._last = self._last, own
        before.begun.wait()
        before.over.wait(self._until - time.monotonic())
        self._until = time.monotonic() + self._let_in
        own.begun.set()
        try:
            yield
        finally:
            own.over.set()


arrivals = Arrivals()
