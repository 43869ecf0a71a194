"""The shelf of opened models: loaded once for all, the least used put away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from attnviz import load
from attnviz.ui.stores import models as module
from attnviz.ui.stores.models import Shelf
from attnviz.ui.stores.sizes import network_bytes


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """The models that were loaded, in order; loading takes a moment and gives a new object."""
    seen: list[tuple[str, str | None]] = []

    def _load(name: str, revision: str | None, progress: object) -> object:
        seen.append((name, revision))
        time.sleep(0.02)
        if name == "bad":
            raise ValueError(name)
        return object()

    monkeypatch.setattr(module, "_load", _load)
    return seen


def shelf_of(most: int) -> Shelf:
    """A shelf with room for so many models."""
    return Shelf(most, size=lambda model: 1)


def test_readers_who_ask_at_once_wait_for_one_loading(loads: list[tuple[str, str | None]]) -> None:
    shelf = shelf_of(3)
    with ThreadPoolExecutor(8) as readers:
        found = set(readers.map(lambda _: shelf.take("a", None), range(8)))
    assert len(found) == 1 and loads == [("a", None)]
    assert shelf.has("a", None) and not shelf.has("a", "v2")
    assert shelf.take("a", "v2") not in found


def test_least_used_is_put_away_first(loads: list[tuple[str, str | None]]) -> None:
    shelf = shelf_of(2)
    first = shelf.take("a", None)
    shelf.take("b", None)
    assert shelf.take("a", None) is first
    shelf.take("c", None)
    assert shelf.has("a", None) and shelf.has("c", None) and not shelf.has("b", None)


def test_failure_is_told_to_each_and_not_kept(loads: list[tuple[str, str | None]]) -> None:
    shelf = shelf_of(3)
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            shelf.take("bad", None)
    assert len(loads) == 2 and not shelf.has("bad", None)


def test_a_run_that_needs_room_leaves_the_model_that_was_used_last(loads: list[tuple[str, str | None]]) -> None:
    shelf = shelf_of(9)
    for name in "abc":
        shelf.take(name)
    assert shelf.let_go(2) == 2 and shelf.has("c") and len(shelf.store) == 1
    assert shelf.let_go(1) == 0 and shelf.has("c")


def test_a_model_that_is_loaded_may_take_the_room_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = shelf_of(9)
    monkeypatch.setattr(module, "_load", lambda name, *_: shelf.let_go(9) if name == "large" else object())
    for name in "ab":
        shelf.take(name)
    assert shelf.take("large") == 2 and len(shelf.store) == 1


def test_a_model_counts_its_numbers_in_float32_tied_ones_once() -> None:
    model = load("lab-gpt")
    tied = {tensor.data_ptr(): tensor.numel() * 4 for tensor in model.network.state_dict().values()}
    assert abs(network_bytes(model) - sum(tied.values())) < 0.01 * model.size
    assert network_bytes(model) >= model.size
    twice = torch.nn.Module()
    twice.one = torch.nn.Linear(100, 100, bias=False)
    twice.two = torch.nn.Linear(100, 100, bias=False)
    twice.two.weight = twice.one.weight
    holder = type("Holder", (), {"network": twice})()
    assert 40_000 <= network_bytes(holder) < 41_000
