"""What is kept for all readers is bounded in bytes, computed once, and let go of in the order of use."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz import settings
from attnviz.errors import AttnvizError, Stopped
from attnviz.ui.stores.sizes import room
from attnviz.ui.stores.store import COLLECT, Store


def of_tens(room: int) -> Store:
    """A store of numbers that hold as many bytes as they say."""
    return Store(room, size=lambda value: value)


def test_the_least_used_go_when_room_is_short() -> None:
    store = of_tens(30)
    for name in "abc":
        store.put(name, 10)
    assert store.get("a") == 10
    store.put("d", 10)
    assert [name for name in "abcd" if store.has(name)] == ["a", "c", "d"] and store.bytes == 30
    store.put("e", 20)
    assert [name for name in "abcde" if store.has(name)] == ["d", "e"]


def test_what_is_larger_than_the_store_is_given_to_the_one_who_asked_and_kept_alone() -> None:
    store = of_tens(30)
    store.put("a", 10)
    assert store.take("large", lambda: 99) == 99
    assert store.has("large") and not store.has("a")
    store.put("b", 10)
    assert store.has("b") and not store.has("large")


def test_what_grows_after_it_was_kept_is_measured_again_when_it_is_used() -> None:
    store = Store(30, size=len)
    growing = bytearray(10)
    store.put("a", growing)
    store.put("b", bytes(10))
    growing.extend(bytes(15))
    assert store.get("a") is growing and store.bytes == 25 and not store.has("b")


@given(
    st.lists(st.tuples(st.sampled_from(["put", "get", "grow", "go", "clear"]), st.integers(0, 4), st.integers(0, 40)))
)
def test_it_knows_its_bytes_whatever_is_done_to_it(acts: list[tuple[str, int, int]]) -> None:
    store, things = Store(90, size=len), [bytearray(10) for _ in range(5)]
    for what, number, more in acts:
        if what == "put":
            store.put(number, things[number])
        elif what == "grow":
            things[number].extend(bytes(more))
        elif what == "go":
            store.let_go(more)
        elif what == "clear":
            store.clear()
        store.get(number)
        for each in range(5):
            store.get(each)  # which measures it again
        assert store.bytes == sum(len(things[each]) for each in range(5) if store.has(each))
        assert store.bytes <= 90 or len(store) == 1


def test_those_who_ask_for_one_thing_at_once_wait_for_one_computation() -> None:
    store, made = of_tens(30), []

    def make() -> int:
        made.append(1)
        time.sleep(0.05)
        return 99  # larger than the store: those who wait get it all the same

    with ThreadPoolExecutor(8) as readers:
        found = list(readers.map(lambda _: store.take("a", make), range(8)))
    assert found == [99] * 8 and len(made) == 1 and not store.busy


def test_different_things_are_computed_side_by_side() -> None:
    store, both = of_tens(30), threading.Barrier(2, timeout=10)

    def make() -> int:
        both.wait()  # breaks unless the other is being computed too
        return 1

    with ThreadPoolExecutor(2) as readers:
        assert list(readers.map(lambda name: store.take(name, make), "ab")) == [1, 1]


def test_a_computation_may_ask_for_another() -> None:
    store = of_tens(30)
    assert store.take("a", lambda: store.take("b", lambda: 5) + 1) == 6 and store.get("b") == 5


def test_what_fails_is_not_kept_and_the_next_who_waits_tries_anew() -> None:
    store, tries = of_tens(30), []

    def make() -> int:
        tries.append(1)
        time.sleep(0.02)
        if len(tries) < 3:
            raise ValueError("not yet")
        return 7

    def ask(_: int) -> object:
        try:
            return store.take("a", make)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(5) as readers:
        found = list(readers.map(ask, range(5)))
    assert found.count("not yet") == 2 and found.count(7) == 3 and len(tries) == 3 and not store.busy


def test_one_who_waits_can_be_stopped() -> None:
    store, go_on = of_tens(30), threading.Event()
    first = threading.Thread(target=lambda: store.take("a", lambda: go_on.wait(10) and 1))
    first.start()
    while not store.busy:
        time.sleep(0.01)
    with pytest.raises(Stopped):
        store.take("a", lambda: pytest.fail("it is being computed"), stop=lambda: True)
    go_on.set()
    first.join()
    assert store.has("a") and not store.busy


def test_nothing_is_a_value_too() -> None:
    store, made = Store(1000), []
    for _ in range(2):
        assert store.take("a", lambda: made.append(1)) is None
    assert len(made) == 1


def test_letting_go_begins_with_the_least_used_and_says_how_much_it_was() -> None:
    store = of_tens(100)
    for name in "abcd":
        store.put(name, 10)
    store.get("a")
    assert store.let_go(15) == 20 and [name for name in "abcd" if store.has(name)] == ["a", "d"]
    assert store.let_go(1000, keep=1) == 10 and store.has("a")
    assert store.let_go(1000) == 10 and len(store) == 0 == store.let_go(1)


def test_many_at_once_leave_it_within_its_room() -> None:
    store = of_tens(100)

    def ask(number: int) -> int:
        store.let_go(number % 3)
        return store.take(number % 40, lambda: 7)

    with ThreadPoolExecutor(8) as readers:
        assert set(readers.map(ask, range(2000))) == {7}
    assert store.bytes == 7 * len(store) <= 100 and not store.busy


def test_a_store_has_a_share_of_the_memory_unless_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.models.memory.total", lambda: 10**10)
    monkeypatch.delenv("ATTNVIZ_RUNS_MB", raising=False)
    assert room(settings.now().runs_mb, 0.2) == 2 * 10**9
    monkeypatch.setenv("ATTNVIZ_RUNS_MB", "1500")
    assert room(settings.now().runs_mb, 0.2) == 1_500_000_000
    monkeypatch.setenv("ATTNVIZ_RUNS_MB", "much")
    with pytest.raises(AttnvizError, match="ATTNVIZ_RUNS_MB"):
        settings.now()


class Ring:
    """Something large that an ended session's circle of objects holds on to."""

    def __init__(self) -> None:
        self.itself = self


def test_much_that_was_let_go_of_goes_though_it_hangs_in_a_circle() -> None:
    store = Store(COLLECT, size=lambda _: COLLECT)
    store.put("a", Ring())
    hanging = ref(store.get("a"))
    gc.disable()
    try:
        store.put("b", 1)
        assert hanging() is not None, "nothing was looked for: not more than that was let go of"
        store.put("c", 1)
        assert hanging() is None
    finally:
        gc.enable()
