"""The model_store of opened models: loaded once for all, the least used put away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from attnviz import ModelError, load
from attnviz.ui.stores import models as module
from attnviz.ui.stores.models import ModelStore
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


def shelf_of(most: int) -> ModelStore:
    """A model_store with room for so many models."""
    return ModelStore(most, size=lambda model: 1)


def test_readers_who_ask_at_once_wait_for_one_loading(loads: list[tuple[str, str | None]]) -> None:
    model_store = shelf_of(3)
    with ThreadPoolExecutor(8) as readers:
        found = set(readers.map(lambda _: model_store.take("a", None), range(8)))
    assert len(found) == 1 and loads == [("a", None)]
    assert model_store.has("a", None) and not model_store.has("a", "v2")
    assert model_store.take("a", "v2") not in found


def test_least_used_is_put_away_first(loads: list[tuple[str, str | None]]) -> None:
    model_store = shelf_of(2)
    first = model_store.take("a", None)
    model_store.take("b", None)
    assert model_store.take("a", None) is first
    model_store.take("c", None)
    assert model_store.has("a", None) and model_store.has("c", None) and not model_store.has("b", None)


def test_failure_is_told_to_each_and_not_kept(loads: list[tuple[str, str | None]]) -> None:
    model_store = shelf_of(3)
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            model_store.take("bad", None)
    assert len(loads) == 2 and not model_store.has("bad", None)


def test_a_run_that_needs_room_leaves_the_model_that_was_used_last(loads: list[tuple[str, str | None]]) -> None:
    model_store = shelf_of(9)
    for name in "abc":
        model_store.take(name)
    assert model_store.let_go(2) == 2 and model_store.has("c") and len(model_store.store) == 1
    assert model_store.let_go(1) == 0 and model_store.has("c")


def test_a_model_that_is_loaded_may_take_the_room_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    model_store = shelf_of(9)
    monkeypatch.setattr(module, "_load", lambda name, *_: model_store.let_go(9) if name == "large" else object())
    for name in "ab":
        model_store.take(name)
    assert model_store.take("large") == 2 and len(model_store.store) == 1


def test_a_model_in_another_number_type_or_elsewhere_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    model_store = ModelStore(10**9)
    for name in ("ATTNVIZ_DEVICE", "ATTNVIZ_DTYPE"):
        monkeypatch.delenv(name, raising=False)
    whole = model_store.take("lab-1")
    monkeypatch.setenv("ATTNVIZ_DTYPE", "bfloat16")
    assert not model_store.has("lab-1")
    half = model_store.take("lab-1")
    assert str(half.machine) == "bfloat16, cpu" and str(whole.machine) == "float32, cpu"
    assert network_bytes(half) < 0.51 * network_bytes(whole)
    assert model_store.take("lab-1") is half
    monkeypatch.setenv("ATTNVIZ_DEVICE", "nowhere")
    with pytest.raises(ModelError):
        model_store.take("lab-1")
    monkeypatch.delenv("ATTNVIZ_DEVICE")
    monkeypatch.delenv("ATTNVIZ_DTYPE")
    assert model_store.take("lab-1") is whole


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
