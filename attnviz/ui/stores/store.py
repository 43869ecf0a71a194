"""A store that is bounded in bytes: what is asked for again is there, what is least used goes when room is short."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from attnviz.errors import Stopped
from attnviz.ui.stores.sizes import nbytes

if TYPE_CHECKING:
    from attnviz.ui.stores.turns import Turns

TRIM = 50_000_000  # bytes let go of, after which the allocator is asked to give back what nobody uses: it keeps holes
COLLECT = 300_000_000  # bytes after which circles are looked for: what was let go of may hang on an ended session's
LOOK = 0.1  # seconds between two looks whether one who waits for another's computation has been told to stop


@dataclass
class _Held:
    """A value and the bytes that it was found to hold."""

    value: Any
    bytes: int


@dataclass
class _Making:
    """A value that somebody computes, and how many there are who want it."""

    lock: Lock = field(default_factory=Lock)
    wanted: int = 0
    made: list[Any] = field(default_factory=list)


class Store:
    """Values by key, at most `room` bytes of them by `size`; the last is kept whatever its size.

    Those who ask for one key at once wait for one computation; different keys are computed side by side. What a
    computation raises is raised to the one who did it: the next who waits tries anew. `thrown` is how many values it
    has let go of. What is computed waits for its turn where there are `turns`. May be used by many threads.
    """

    def __init__(
        self, room: int, size: Callable[[Any], int] = nbytes, turns: Callable[[], Turns] | None = None
    ) -> None:
        self.room, self.thrown = room, 0
        self._turns = turns
        self._untrimmed = self._uncollected = 0
        self._size = size
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._total = 0  # bytes of all that is held: there may be thousands, and each use asks
        self._making: dict[Hashable, _Making] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def bytes(self) -> int:
        """What all values hold together, as they were last measured; shared memory counts for each."""
        return self._total

    @property
    def busy(self) -> bool:
        """Is something being computed for it?"""
        return bool(self._making)

    def has(self, key: Hashable) -> bool:
        """Is it there already?"""
        return key in self._held

    def get(self, key: Hashable) -> Any:
        """The value, if it is still there; it counts as used."""
        with self._lock:
            return self._used(key) if key in self._held else None

    def put(self, key: Hashable, value: Any) -> None:
        """Keep it, and let go of what has no room beside it."""
        measured = _Held(value, self._size(value))
        with self._lock:
            before = self._held.pop(key, None)
            self._total += measured.bytes - (0 if before is None else before.bytes)
            self._held[key] = measured
            self._fit()
        self._trim()

    def take(
        self, key: Hashable, make: Callable[[], Any], stop: Callable[[], bool] | None = None, heavy: bool = False
    ) -> Any:
        """The value, computed if nobody has; what is `heavy` waits for its turn.

        Raises what `make` does, and `Stopped` where `stop`, or whose turn it is, ends the waiting.
        """
        with self._lock:
            if key in self._held:
                return self._used(key)
            making = self._making.setdefault(key, _Making())
            making.wanted += 1
        try:
            with nullcontext() if self._turns is None else self._turns().lane(key, lambda: making.wanted > 1):
                return self._computed(key, making, make, stop, heavy)
        finally:
            with self._lock:
                making.wanted -= 1
                if not making.wanted:
                    del self._making[key]

    def _computed(
        self, key: Hashable, making: _Making, make: Callable[[], Any], stop: Callable[[], bool] | None, heavy: bool
    ) -> Any:
        """What one of those who want it at once computes for all."""
        self._acquire(making.lock, stop)
        try:
            if not making.made:
                if heavy and self._turns is not None:
                    self._turns().heavy()
                value = make()
                self.put(key, value)
                making.made.append(value)  # for those who wait, though it may be let go of meanwhile
            return making.made[0]
        finally:
            making.lock.release()

    def _acquire(self, lock: Lock, stop: Callable[[], bool] | None) -> None:
        """Wait for what another thread computes."""
        if lock.acquire(blocking=False):
            return
        with nullcontext(_nothing) if self._turns is None else self._turns().aside() as wanted:
            while not lock.acquire(timeout=LOOK):
                if stop is not None and stop():
                    raise Stopped("run_stopped")
                wanted()

    def let_go(self, need: int, keep: int = 0) -> int:
        """Let go of the least used until those were `need` bytes, or `keep` values are left; returns the bytes."""
        freed = 0
        with self._lock:
            while freed < need and len(self._held) > keep:
                freed += self._throw()
        return freed

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()
            self._total = 0

    def _used(self, key: Hashable) -> Any:
        """The value, now the last used and measured again: a run keeps some of what it is asked for."""
        held = self._held[key]
        self._held.move_to_end(key)
        before, held.bytes = held.bytes, self._size(held.value)
        self._total += held.bytes - before
        self._fit()
        return held.value

    def _fit(self) -> None:
        """Let go of the least used until the rest has room."""
        while self._total > self.room and len(self._held) > 1:
            self._throw()

    def _throw(self) -> int:
        """Let go of the least used; its bytes."""
        self.thrown += 1
        freed = self._held.popitem(last=False)[1].bytes
        self._total -= freed
        self._untrimmed += freed
        self._uncollected += freed
        return freed

    def _trim(self) -> None:
        """Give back to the system what was let go of, now and then: it takes some milliseconds.

        Python looks for circles when there are many new things, however large. Runs of 300 MB that ended sessions held
        on to were 23 of 30 when it next did.
        """
        if self._uncollected > COLLECT:
            self._uncollected = 0
            gc.collect()
        if self._untrimmed > TRIM:
            from attnviz.adapter.arena import give_back

            self._untrimmed = 0
            give_back()


def _nothing() -> None:
    """Where there are no turns, nobody asks."""
