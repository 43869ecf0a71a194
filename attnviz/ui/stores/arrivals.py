"""People who come at once are let in one after the other: half of them then wait half as long, and none longer.

A page's first run is work of the interpreter, which does one thing at a time: twelve begun together all end at the
end. Who has been let in for `LET_IN` seconds keeps nobody any longer, whatever the run still waits for.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

LET_IN = 1.0  # seconds


class Arrivals:
    """A door for one at a time, the first that came first. May be used by many threads."""

    def __init__(self, let_in: float = LET_IN) -> None:
        self._let_in = let_in
        self._line: deque[object] = deque()
        self._until = 0.0
        self._moved = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Come in when those before have been, or have had their time."""
        own = object()
        with self._moved:
            self._line.append(own)
            while self._line[0] is not own:
                self._moved.wait(self._let_in)
            while (left := self._until - time.monotonic()) > 0:
                self._moved.wait(left)
            self._line.popleft()
            mine = self._until = time.monotonic() + self._let_in
            self._moved.notify_all()
        try:
            yield
        finally:
            with self._moved:
                if self._until == mine:
                    self._until = 0.0
                    self._moved.notify_all()


arrivals = Arrivals()
