"""Whose turn it is: what is heavy waits for others, the light goes past, and nobody waits for ever."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from types import SimpleNamespace

import pytest
import torch

from attnviz import AttnvizError, TextError, load, record, turns
from attnviz.errors import Stopped
from attnviz.guard import one_by_one
from attnviz.models import check_run, memory
from attnviz.models.memory import recorded
from attnviz.ui.stores import turns as whose
from attnviz.ui.stores.store import Store
from attnviz.ui.stores.turns import HEAVY, Turns
from tests.unit.ui.stores.test_runs import GPT2

PATIENCE = 10


class Reader:
    """A teller that writes down what it was told; `gone` once the reader has left."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.gone = self.closed = False

    def waits(self, ahead: int) -> None:
        self.told.append(ahead)

    def runs(self, seconds: float) -> None:
        self.told.append(-1)

    def left(self) -> bool:
        return self.gone

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> dict[Hashable, Reader]:
    """The readers of computations, by their keys."""
    found: dict[Hashable, Reader] = {}
    monkeypatch.setattr(Turns, "tellers", [lambda key: found.setdefault(key, Reader())])
    monkeypatch.setattr(Turns, "checks", [])
    monkeypatch.setattr(whose, "GRACE", 0.05)
    return found


def until(test: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not test():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


class Runs:
    """Heavy runs in threads of their own, each held until it is let go."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.began, self.ends = turns, list[str](), dict[str, threading.Event]()
        self.raised: dict[str, BaseException] = {}
        self.threads: list[threading.Thread] = []

    def start(self, name: str, need: int = HEAVY, then: Callable[[], object] = lambda: None) -> None:
        self.ends[name] = threading.Event()

        def run() -> None:
            try:
                with self.turns.lane(name):
                    self.turns.begin(need)
                    self.began.append(name)
                    assert self.ends[name].wait(PATIENCE)
                    then()
            except BaseException as error:
                self.raised[name] = error

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def end(self) -> None:
        for event in self.ends.values():
            event.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture
def runs() -> Iterator[Runs]:
    found = Runs(Turns(1, 10 * HEAVY))
    yield found
    found.end()


def test_the_heavy_wait_in_their_order_and_are_told_their_place(runs: Runs, readers: dict[Hashable, Reader]) -> None:
    runs.start("a")
    until(lambda: runs.began == ["a"])
    for count, name in enumerate("bc", 1):
        runs.start(name)
        until(lambda count=count: runs.turns.waiting == count)  # type: ignore[misc]
    until(lambda: bool(readers["b"].told and readers["c"].told))
    assert readers["b"].told[-1] == 1 and readers["c"].told[-1] == 2 and runs.turns.running == 1
    runs.ends["a"].set()
    until(lambda: runs.began == ["a", "b"])
    until(lambda: readers["c"].told[-1] == 1)
    runs.ends["b"].set()
    until(lambda: runs.began == ["a", "b", "c"])


def test_the_light_goes_past(runs: Runs, readers: dict[Hashable, Reader]) -> None:
    runs.start("a")
    until(lambda: runs.began == ["a"])
    runs.start("b")
    runs.start("light", need=HEAVY - 1)
    until(lambda: runs.began == ["a", "light"])
    assert runs.turns.in_flight == 2 * HEAVY - 1


def test_who_leaves_waits_no_longer_and_the_next_moves_up(runs: Runs, readers: dict[Hashable, Reader]) -> None:
    for name in "abc":
        runs.start(name)
        until(lambda name=name: name in (*runs.began, *readers))  # type: ignore[misc]
    readers["b"].gone = True
    until(lambda: "b" in runs.raised)
    assert isinstance(runs.raised["b"], Stopped) and readers["b"].closed
    until(lambda: readers["c"].told[-1] == 1)


def test_a_run_that_two_ask_for_goes_on_when_one_of_them_leaves(readers: dict[Hashable, Reader]) -> None:
    now = Turns(1, 10 * HEAVY)
    store, made = Store(100, size=lambda _: 1, turns=lambda: now), threading.Event()
    found: list[object] = []

    def make() -> int:
        now.begin(HEAVY)
        readers["a"].gone = True
        while not made.wait(0.01):
            now.go_on()
        return 5

    threads = [threading.Thread(target=lambda: found.append(store.take("a", make))) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: now.in_flight == HEAVY)
    time.sleep(4 * whose.GRACE + 2 * whose.LOOK)
    made.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == [5, 5]


def test_a_run_whose_reader_has_left_ends_at_the_next_layer(
    readers: dict[Hashable, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Turns(1, 10 * HEAVY)
    monkeypatch.setattr(turns, "keepers", [now])
    with pytest.raises(Stopped), now.lane("a"):
        turns.begin(HEAVY)
        readers["a"].gone = True
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            turns.heard(None)(1)
    assert not now.in_flight and not now.running


def test_a_reader_who_came_back_has_all_the_time_again_before_the_run_ends(readers: dict[Hashable, Reader]) -> None:
    now = Turns(1, 10 * HEAVY)
    with now.lane("a"):
        now.begin(HEAVY)
        for gone in (True, False, True):
            readers["a"].gone = gone
            now.wanted()
            time.sleep(2 * whose.GRACE)
        with pytest.raises(Stopped):
            now.wanted()


def test_runs_ask_their_keeper_before_they_begin_and_in_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = load("lab-2"), list[str]()
    keeper = SimpleNamespace(
        begin=lambda need: asked.append("begin"), left=lambda: 10**15, go_on=lambda: asked.append("go on")
    )
    monkeypatch.setattr(turns, "keepers", [keeper])
    run = record(model, "the cat")
    assert asked[0] == "begin" and asked.count("go on") == run.n_layers > 1
    asked.clear()
    assert list(one_by_one("abc", None, None)) == [*"abc"] and asked == ["go on"] * 3


def test_what_is_said_to_be_heavy_takes_a_turn_whatever_it_needs(readers: dict[Hashable, Reader]) -> None:
    now = Turns(1, 10 * HEAVY)
    store = Store(1000, size=lambda _: 1, turns=lambda: now)
    assert store.take("a", lambda: now.running) == 0 and store.take("b", lambda: now.running, heavy=True) == 1


def test_no_run_takes_longer_than_the_limit(readers: dict[Hashable, Reader]) -> None:
    now = Turns(1, 10 * HEAVY, seconds=0.2)
    with pytest.raises(AttnvizError) as told, now.lane("a"):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            now.go_on()
    assert told.value.message == "turn_too_slow"


def test_one_who_waits_for_what_another_computes_does_not_keep_it_from_its_turn(
    readers: dict[Hashable, Reader],
) -> None:
    """The first has the only turn and waits for a run of the second, which needs a turn for it."""
    now = Turns(1, 10 * HEAVY)
    store = Store(1000, size=lambda _: 1, turns=lambda: now)
    computing, asking = threading.Event(), threading.Event()

    def inner() -> int:
        computing.set()
        assert asking.wait(PATIENCE)
        time.sleep(0.05)
        now.begin(HEAVY)
        return 1

    def outer() -> int:
        now.heavy()
        asking.set()
        found: int = store.take("inner", inner)
        return found + 1

    found: list[int] = []
    second = threading.Thread(target=lambda: found.append(store.take("inner", inner)))
    second.start()
    assert computing.wait(PATIENCE)
    first = threading.Thread(target=lambda: found.append(store.take("outer", outer)))
    first.start()
    for thread in (first, second):
        thread.join(PATIENCE)
    assert sorted(found) == [1, 2] and not now.in_flight and not now.running


def test_runs_wait_until_they_fit_beside_each_other(readers: dict[Hashable, Reader]) -> None:
    found = Runs(Turns(3, 3 * HEAVY))
    found.start("a", 2 * HEAVY)
    until(lambda: found.began == ["a"])
    found.start("b", 2 * HEAVY)
    until(lambda: "b" in readers and bool(readers["b"].told))
    assert found.began == ["a"]
    found.ends["a"].set()
    until(lambda: found.began == ["a", "b"])
    found.end()


def test_what_can_never_fit_is_said_before_it_waits(
    runs: Runs, readers: dict[Hashable, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "keepers", [runs.turns])
    monkeypatch.setattr(memory, "available", lambda: 10**15)
    monkeypatch.setattr(memory, "make_room", [])
    runs.start("a")
    until(lambda: runs.began == ["a"])
    assert recorded(GPT2, 100_000) > runs.turns.room
    with runs.turns.lane("large"), pytest.raises(TextError, match="memory"):
        check_run(GPT2, 100_000, eager=False)
    assert "large" not in readers and runs.began == ["a"] and runs.turns.running == 1


def test_what_the_stores_hold_counts_and_is_let_go_of_first(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Store(10**12, size=lambda value: value)
    now = Turns(1, 10 * HEAVY, held=lambda: held.bytes)
    monkeypatch.setattr(turns, "keepers", [now])
    monkeypatch.setattr(memory, "available", lambda: 10**15)
    monkeypatch.setattr(memory, "make_room", [held.let_go])
    for name in range(9):
        held.put(name, HEAVY)
    with now.lane("a"):
        assert memory.free_for(HEAVY) == HEAVY and len(held) == 9
        assert memory.free_for(4 * HEAVY) == 4 * HEAVY and len(held) == 6


def test_what_runs_elsewhere_is_not_there_for_another(runs: Runs) -> None:
    runs.start("a", 3 * HEAVY)
    until(lambda: runs.began == ["a"])
    assert runs.turns.left() == 7 * HEAVY


def test_what_an_inner_computation_took_it_gives_back(readers: dict[Hashable, Reader]) -> None:
    now = Turns(1, 10 * HEAVY)
    with now.lane("page"):
        with now.lane("model"):
            now.begin(2 * HEAVY)
            assert (now.in_flight, now.running) == (2 * HEAVY, 1)
        assert (now.in_flight, now.running) == (0, 0)


def test_a_server_that_ends_begins_nothing_heavy_and_tells_who_waits(
    runs: Runs, readers: dict[Hashable, Reader]
) -> None:
    for name in "ab":
        runs.start(name)
        until(lambda name=name: name in (*runs.began, *readers))  # type: ignore[misc]
    runs.turns.close()
    until(lambda: "b" in runs.raised)
    assert getattr(runs.raised["b"], "message", "") == "turn_closed" and runs.began == ["a"]
    runs.ends["a"].set()
    until(lambda: not runs.turns.running)
    runs.start("c")
    until(lambda: "c" in (*runs.raised, *runs.began))
    assert getattr(runs.raised["c"], "message", "") == "turn_closed" and runs.began == ["a"]


def test_one_heavy_run_at_once_for_two_cores_that_this_program_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATTNVIZ_AT_ONCE", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    for count, expected in ((6, 3), (1, 1)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, count=count: set(range(count)), raising=False)
        assert whose.at_once() == expected
    monkeypatch.setenv("ATTNVIZ_AT_ONCE", "5")
    assert whose.at_once() == 5


def test_a_computation_alone_has_no_more_threads_than_pytorch_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(whose, "_given", cache(whose._given.__wrapped__))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    with Turns(1, HEAVY).lane("alone"):
        pass
    assert seen == [3]


def test_what_pytorch_was_given_is_asked_before_any_of_it_is_shared_out(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lane begins before PyTorch is loaded, the second beside it."""
    seen = [3]
    monkeypatch.setattr(whose, "_given", cache(whose._given.__wrapped__))
    monkeypatch.setattr(torch, "get_num_threads", lambda: seen[-1])
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    with monkeypatch.context() as before:
        before.delitem(sys.modules, "torch")
        runs.start("first", need=1)
        until(lambda: runs.began == ["first"])
    with runs.turns.lane("second"):
        pass
    runs.end()
    with runs.turns.lane("alone"):
        pass
    assert seen == [3, 1, 3]
