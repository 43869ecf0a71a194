"""Who comes at once is let in one after the other, in the order of coming, and nobody waits for one who takes long."""

from __future__ import annotations

import itertools
import sys
import threading
import time

import pytest

from attnviz.ui.stores.arrivals import Arrivals

DOOR = sys.modules[Arrivals.__module__]  # the package has its instance by the same name


def test_people_who_come_at_once_are_let_in_one_by_one_in_their_order() -> None:
    door, inside, most, order = Arrivals(let_in=60), [], [], []

    def come(number: int) -> None:
        with door.one():
            inside.append(number)
            most.append(len(inside))
            order.append(number)
            time.sleep(0.01)
            inside.remove(number)

    with door.one():
        people = [threading.Thread(target=come, args=(number,)) for number in range(6)]
        for one in people:
            one.start()
            time.sleep(0.05)
        assert not order
    for one in people:
        one.join(30)
    assert order == list(range(6)) and max(most) == 1


def test_who_takes_longer_than_the_time_keeps_nobody() -> None:
    door, came = Arrivals(let_in=0.05), threading.Event()

    def come() -> None:
        with door.one():
            came.set()

    with door.one():
        other = threading.Thread(target=come)
        other.start()
        assert came.wait(30)  # while the first is still there
    other.join(30)


def test_after_the_time_of_one_who_takes_long_comes_one_and_not_all() -> None:
    door, done, came = Arrivals(let_in=0.3), threading.Event(), []

    def come() -> None:
        with door.one():
            came.append(time.monotonic())
            done.wait(30)

    people = [threading.Thread(target=come) for _ in range(3)]
    for one in people:
        one.start()
    until = time.monotonic() + 30
    while len(came) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    done.set()
    for one in people:
        one.join(30)
    assert len(came) == 3 and all(later - sooner > 0.2 for sooner, later in itertools.pairwise(came))


def test_who_is_thrown_out_lets_the_next_in() -> None:
    door = Arrivals(let_in=60)
    with pytest.raises(KeyError), door.one():
        raise KeyError("halted")
    came = threading.Thread(target=lambda: door.one().__enter__())
    came.start()
    came.join(30)
    assert not came.is_alive()


def test_who_waits_long_is_told_how_many_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of fifty whose pages all take a second waited fifty before a bare skeleton."""
    monkeypatch.setattr(DOOR, "LATE", 0.2)
    monkeypatch.setattr(DOOR, "LOOK", 0.05)
    door, told, leave = Arrivals(let_in=0.4), [], threading.Event()

    def come(said: list[int]) -> None:
        with door.one(said.append):
            leave.wait(30)

    people, quick = [], []
    for said in (quick, [], [], told):
        people.append(threading.Thread(target=come, args=(said,)))
        people[-1].start()
        time.sleep(0.02)
    time.sleep(1.6)
    leave.set()
    for one in people:
        one.join(30)
    assert told[0] == 3 and told[-1] in (1, 2) and told == sorted(told, reverse=True)
    assert not quick


def test_who_leaves_while_waiting_lets_the_next_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DOOR, "LATE", 0.0)
    monkeypatch.setattr(DOOR, "LOOK", 0.05)
    door, came = Arrivals(let_in=60), threading.Event()

    def leaves(ahead: int) -> None:
        raise KeyError("halted")

    def come() -> None:
        with door.one():
            came.set()

    with door.one():
        first = threading.Thread(target=lambda: door.one().__enter__())
        first.start()
        time.sleep(0.1)
        with pytest.raises(KeyError), door.one(leaves):
            pass
        last = threading.Thread(target=come)
        last.start()
        assert came.wait(30)
    first.join(30)
    last.join(30)
