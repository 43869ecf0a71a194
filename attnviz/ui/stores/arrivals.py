"""People who come at once are let in one after the other: half of them then wait half as long, and none longer.

A page's first run is work of the interpreter, which does one thing at a time: twelve begun together all end at the
end. Who has been let in for `LET_IN` seconds keeps nobody any longer, whatever the run still waits for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LET_IN = 1.0  # seconds
LATE, LOOK = 3.0, 0.5  # seconds of waiting until it is told, and between two looks how many go first


@dataclass(frozen=True)
class _Visit:
    """The how-manieth somebody is, whether they are in, or were, and whether that is over."""

    number: int = 0
    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class Arrivals:
    """A door for one at a time, the first that came first. May be used by many threads."""

    def __init__(self, let_in: float = LET_IN) -> None:
        self._let_in, self._until = let_in, 0.0  # when who is in keeps the next no longer
        self._last = self._newest = _Visit()
        self._last.begun.set()
        self._lock = threading.Lock()

    @contextmanager
    def one(self, told: Callable[[int], object] | None = None) -> Iterator[None]:
        """Come in when the one before has been, or has had the time. Who waits long is `told` how many go first."""
        with self._lock:
            before, own = self._last, _Visit(self._last.number + 1)
            self._last = own
        try:
            self._wait(before, own, told)
            self._until = time.monotonic() + self._let_in
            self._newest = own
            own.begun.set()
            yield
        finally:
            own.begun.set()  # also of one who has left meanwhile
            own.over.set()

    def _wait(self, before: _Visit, own: _Visit, told: Callable[[int], object] | None) -> None:
        """Until the one before has been. Raises what `told` does."""
        late = time.monotonic() + LATE
        while not before.begun.wait(LOOK):
            if told is not None and time.monotonic() > late:
                told(own.number - self._newest.number)
        before.over.wait(self._until - time.monotonic())


arrivals = Arrivals()
