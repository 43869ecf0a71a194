"""Whose turn it is: what takes much memory or long waits for others, what is light goes past; all within one budget.

A computation of a store is a lane, of the thread that it runs in. It becomes heavy when it asks for `HEAVY` bytes
(`attnviz.models.memory` forecasts them), or from the beginning where its page says so. Nobody is known here: a teller
says to a reader what is waited for, and knows whether that reader is still there.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, Protocol

from attnviz import settings, turns
from attnviz.errors import AttnvizError, Stopped
from attnviz.threads import cores
from attnviz.ui.stores.sizes import room

SHARE = 0.75  # of the memory, for models, traces and runs together, unless the settings say otherwise
HEAVY = 64_000_000  # bytes: a sentence in a model of GPT-2's size takes 10, a thousand tokens 500
LATE = 3.0  # seconds after which a run can be stopped by its reader
LOOK = 0.1  # seconds between two looks whether it is one's turn
GRACE = 2.0  # seconds for the next run of a page to ask for the same, before what its last run computes is ended


class Teller(Protocol):
    """What a reader is told of a computation, and whether it is still wanted."""

    def waits(self, ahead: int) -> None:
        """So many go first."""

    def runs(self, seconds: float) -> None:
        """For so long it has been computed."""

    def left(self) -> bool:
        """Has the reader stopped it, changed what was asked, or gone?"""

    def close(self) -> None:
        """It is over. May raise what ends this run of the page."""


@dataclass(eq=False)  # one is never another, whatever they hold
class Lane:
    """A computation of one thread, and whether others wait for the same (`shared`).

    `need` are the bytes that it was forecast to take; `turn`: it holds a turn; `aside`: it waits for what another
    thread computes; `left`: since when its reader wants it no more.
    """

    key: Hashable
    began: float = field(default_factory=time.monotonic)
    need: int = 0
    turn: bool = False
    aside: bool = False
    looked: float = 0.0
    left: float = 0.0
    shared: Callable[[], bool] = lambda: False
    teller: Teller | None = None
    asked: bool = False


class Turns:
    """At most `at_once` heavy computations, each at most `seconds` long (0: no limit), the first that came first.

    They and what the stores hold (`held`) are to stay within `room` bytes. May be used by many threads. `tellers` are
    asked who tells the reader of a computation, by its key; each of `checks` may raise before it begins.
    """

    tellers: ClassVar[list[Callable[[Hashable], Teller | None]]] = []
    checks: ClassVar[list[Callable[[Hashable], None]]] = []

    def __init__(self, at_once: int, room: int, seconds: float = 0.0, held: Callable[[], int] = lambda: 0) -> None:
        self.at_once, self.room, self.seconds, self._held = at_once, room, seconds, held
        self._own = threading.local()
        self._all: list[Lane] = []
        self._waiting: list[Lane] = []
        self._free = threading.Condition()
        self._closed = False
        self.done, self.milliseconds = 0, 0  # how many computations are over, and what they took

    def close(self) -> None:
        """The server ends: what waits is told so, and nothing heavy begins any more."""
        self._closed = True

    @property
    def waiting(self) -> int:
        """How many wait for their turn?"""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many heavy computations run?"""
        return sum(lane.turn for lane in self._all)

    @property
    def in_flight(self) -> int:
        """The bytes that all computations under way were forecast to take."""
        return sum(lane.need for lane in list(self._all))

    @contextmanager
    def lane(self, key: Hashable, shared: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Compute something in this thread; what is computed inside it belongs to it. Raises what `checks` do."""
        outer = self._now()
        if outer is not None:
            yield from self._inside(outer)
            return
        for check in self.checks:
            check(key)
        lane = self._own.lane = Lane(key, shared=shared)
        with self._free:
            self._all.append(lane)
        _share(self._alone(lane))
        try:
            yield
        finally:
            self._own.lane = None
            with self._free:
                self._all.remove(lane)
                self.done += 1
                self.milliseconds += int(1000 * (time.monotonic() - lane.began))
                self._free.notify_all()
            if lane.teller is not None:
                lane.teller.close()

    @staticmethod
    def _inside(lane: Lane) -> Iterator[None]:
        """A computation inside another: what it took it gives back, its turn too."""
        need, turn = lane.need, lane.turn
        try:
            yield
        finally:
            lane.need, lane.turn = need, turn

    def heavy(self) -> None:
        """What this thread computes is heavy, whatever memory it takes. Waits for its turn; raises `Stopped`."""
        lane = self._now()
        if lane is not None:
            self._wait(lane, 0)

    def begin(self, need: int) -> None:
        """`attnviz.turns.Keeper`: what is larger than all that there is does not wait to be told so."""
        lane = self._now()
        if lane is None or need > self.room:
            return
        if need >= HEAVY:
            self._wait(lane, need)
        with self._free:
            lane.need = max(lane.need, need)

    def left(self) -> int:
        """`attnviz.turns.Keeper`."""
        lane = self._now()
        return self.room - self._held() - self.in_flight + (0 if lane is None else lane.need)

    def go_on(self) -> None:
        """`attnviz.turns.Keeper`: asks ten times a second at most."""
        lane, now = self._now(), time.monotonic()
        if lane is None or now - lane.looked < LOOK:
            return
        lane.looked, taken = now, now - lane.began
        if self.seconds and taken > self.seconds:
            raise AttnvizError("turn_too_slow", seconds=f"{self.seconds:.0f}")
        if taken > LATE or lane.teller is not None:
            teller = self._teller(lane)
            if teller is not None:
                teller.runs(taken)
        self.wanted()

    def wanted(self) -> None:
        """Raises `Stopped` where the reader of this thread's computation, and any other, wants it no more."""
        lane, now = self._now(), time.monotonic()
        if lane is None or lane.teller is None:
            return
        lane.left = (lane.left or now) if lane.teller.left() else 0.0
        if lane.left and now - lane.left > GRACE and not lane.shared():
            raise Stopped("run_stopped")

    @contextmanager
    def aside(self) -> Iterator[Callable[[], None]]:
        """While this thread waits for what another computes its turn is another's: else each might wait for the other.

        Hands out what is to be asked now and then: it tells the reader, and raises `Stopped`.
        """
        lane, began = self._now(), time.monotonic()
        assert lane is not None, "what waits stands in a lane"

        def asked() -> None:
            if time.monotonic() - began > LATE and (teller := self._teller(lane)) is not None:
                teller.waits(0)
            self.wanted()

        lane.aside = True
        with self._free:
            self._free.notify_all()
        try:
            yield asked
        finally:
            lane.aside = False

    def _now(self) -> Lane | None:
        found: Lane | None = getattr(self._own, "lane", None)
        return found

    def _teller(self, lane: Lane) -> Teller | None:
        if not lane.asked:
            lane.asked = True
            lane.teller = next((found for one in self.tellers if (found := one(lane.key)) is not None), None)
        return lane.teller

    def _wait(self, lane: Lane, need: int) -> None:
        """Until it is this lane's turn. Raises `Stopped` where its reader waits no longer."""
        if lane.turn:
            return
        teller = self._teller(lane)
        try:
            with self._free:
                self._waiting.append(lane)
            while (ahead := self._ahead(lane, need)) is not None:
                if teller is not None:
                    teller.waits(ahead)
                self.wanted()
                with self._free:
                    self._free.wait(LOOK)
        finally:
            with self._free:
                self._waiting.remove(lane)
        lane.began = time.monotonic()
        _share(self._alone(lane), 2 * self.at_once)

    def _ahead(self, lane: Lane, need: int) -> int | None:
        """How many go before it; None where it is its turn, which it then has."""
        if self._closed:
            raise AttnvizError("turn_closed")
        with self._free:
            others = [one for one in self._all if one is not lane and one.turn and not one.aside]
            first = self._waiting.index(lane)
            fits = sum(one.need for one in self._all if one is not lane) + need <= self.room or not others
            if lane.turn or (not first and len(others) < self.at_once and fits):
                lane.turn, lane.need = True, max(lane.need, need)
                return None
            return first + len(others)

    def _alone(self, lane: Lane) -> bool:
        """Does nobody else compute?"""
        return self._all == [lane]


@cache  # one number: 200 bytes
def _given() -> int:
    """How many threads PyTorch was given, by the machine or by who started it: asked before any are shared out."""
    return int(sys.modules["torch"].get_num_threads())


def _share(alone: bool, parts: int = sys.maxsize) -> None:
    """All threads of PyTorch for what this thread computes `alone`, else one of so many parts of them, one at least.

    None is started that others wait for.
    """
    if (torch := sys.modules.get("torch")) is not None:
        given = _given()
        torch.set_num_threads(given if alone else max(given // parts, 1))


def at_once() -> int:
    """How many heavy computations run at once: what the settings say, else one for two cores."""
    return settings.now().at_once or max(cores() // 2, 1)


@cache  # one Turns: 1 kB
def server_turns() -> Turns:
    """Those of this server."""
    from attnviz.ui.stores.models import model_store
    from attnviz.ui.stores.runs import traces

    now = settings.now()
    found = Turns(
        at_once(), room(now.memory_mb, SHARE), now.seconds, lambda: model_store().store.bytes + traces().bytes
    )
    turns.keepers.append(found)
    return found


def figures() -> dict[str, int | dict[str, int]]:
    """The numbers of this server, as its metrics call them."""
    from attnviz.models.memory import resident
    from attnviz.ui.stores.models import model_store
    from attnviz.ui.stores.runs import traces

    now = server_turns()
    held = {
        "models": model_store().store.bytes, "runs": traces().bytes, "under way": now.in_flight, "all": resident(),
    }  # fmt: skip
    return {
        "attnviz_heavy_running": now.running, "attnviz_heavy_waiting": now.waiting, "attnviz_memory_bytes": held,
        "attnviz_runs": now.done, "attnviz_run_milliseconds": now.milliseconds,
    }  # fmt: skip


def forget() -> None:
    """Let go of all models and runs, which can be made again, and give their memory back to the system."""
    from attnviz.adapter.arena import give_back
    from attnviz.ui.stores.models import model_store
    from attnviz.ui.stores.runs import traces

    traces().clear()
    model_store().store.clear()
    gc.collect()
    give_back()
