"""One store of traces for all pages: by arguments, computed once, and let go of before anybody is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from attnviz import TextError
from attnviz.models import check_run, memory
from attnviz.models.memory import recorded
from attnviz.ui.kit import SOFT
from attnviz.ui.stores import models, runs
from attnviz.ui.stores.store import Store

GPT2 = SimpleNamespace(num_hidden_layers=12, num_attention_heads=12, hidden_size=768, vocab_size=50_257)
BLOCK = 20_000_000  # bytes


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store of traces of the test's own, asked before anything is refused."""
    found = Store(500_000_000)
    monkeypatch.setattr(runs, "traces", lambda: found)
    monkeypatch.setattr(memory, "make_room", [found.let_go])
    yield found
    found.clear()


def test_what_is_asked_again_is_the_same_object_however_it_is_asked(store: Store) -> None:
    first = runs.trace("lab-1", "the cat", SOFT)
    assert runs.trace("lab-1", text="the cat", rule=SOFT, blank=None) is first
    assert runs.trace("lab-1", "the cat", SOFT, 1) is not first and len(store) == 2


def test_whether_a_run_was_done_is_known_without_doing_it(store: Store) -> None:
    assert runs.done("lab-1", "the cat", SOFT) is None and not len(store)
    made = runs.trace("lab-1", "the cat", SOFT)
    assert runs.done("lab-1", "the cat", SOFT) is made and runs.done("lab-1", "the cat", SOFT, 1) is None


def test_arguments_that_begin_with_an_underscore_do_not_count(store: Store) -> None:
    made = []

    @runs.kept
    def make(name: str, _trace: object) -> list[str]:
        made.append(name)
        return [name]

    assert make("a", object()) is make("a", object()) and made == ["a"]
    make("b", object())
    assert made == ["a", "b"]


def test_a_run_of_a_folder_is_made_anew_when_its_files_have_changed_and_a_text_is_no_folder(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def stamped(name: str, revision: str = "") -> tuple[object, ...]:
        asked.append(name)
        return models.stamped(name, revision)

    monkeypatch.setattr(runs, "stamped", stamped)
    made = runs.kept(lambda name, text: SimpleNamespace(name=name, text=text))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"one")
    text = "南京市/长江大桥"
    before = made(str(tmp_path), text)
    assert made(str(tmp_path), text) is before
    (tmp_path / "model.safetensors").write_bytes(b"another")
    assert made(str(tmp_path), text) is not before
    assert set(asked) == {str(tmp_path)}


def test_models_come_from_the_one_shelf() -> None:
    from attnviz.ui.stores.models import model_store

    assert runs.model("lab-1") is model_store().take("lab-1") is model_store().take("lab-1", "")


def test_the_stores_are_asked_traces_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from attnviz.ui.stores import models

    monkeypatch.setattr(memory, "make_room", [])
    models.model_store.cache_clear()
    runs.traces.cache_clear()
    try:
        first, second = models.model_store(), runs.traces()
        assert memory.make_room == [second.let_go, first.let_go]
    finally:  # for other tests: a new pair, asked in the real list
        models.model_store.cache_clear()
        runs.traces.cache_clear()


def test_a_run_that_would_be_refused_is_not_when_the_store_can_let_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = psutil.Process()
    for number in range(12):
        store.put(number, torch.ones(BLOCK // 4))  # written to, so resident
    tokens = 200
    need = recorded(GPT2, tokens)
    limit = process.memory_info().rss + need - 3 * BLOCK  # as if the machine had no more than that
    monkeypatch.setattr(memory, "available", lambda: max(limit - process.memory_info().rss, 0))
    assert memory.available() < need - 2 * BLOCK
    check_run(GPT2, tokens, eager=False)
    assert memory.available() >= need, "it was really given back"
    assert 5 <= len(store) <= 10 and store.has(11) and not store.has(0), "no more than needed, the least used first"


def test_a_run_that_fits_lets_nothing_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a", torch.ones(100))
    monkeypatch.setattr(memory, "available", lambda: 10**12)
    check_run(GPT2, 1000, eager=False)
    check_run(GPT2, 1000)
    assert store.has("a")


@pytest.mark.parametrize("eager", [True, False])
def test_what_never_fits_is_refused_with_what_is_free_after_letting_go(
    eager: bool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        store.put(number, number)
    monkeypatch.setattr(memory, "available", lambda: 1_000_000_000 - 100_000_000 * len(store))
    with pytest.raises(TextError) as refusal:
        check_run(GPT2, 100_000, eager=eager)
    assert refusal.value.values["free"] == "1.0" and len(store) == 0
