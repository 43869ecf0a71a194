"""The shelf of opened models: loaded once for all, the least used put away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from attnviz.ui.stores import models as module
from attnviz.ui.stores.models import Shelf


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """The models that were loaded, in order; loading takes a moment and gives a new object."""
    seen: list[tuple[str, str | None]] = []

    def load(name: str, revision: str | None, progress: object) -> object:
        seen.append((name, revision))
        time.sleep(0.02)
        if name == "bad":
            raise ValueError(name)
        return object()

    monkeypatch.setattr(module, "_load", load)
    return seen


def test_readers_who_ask_at_once_wait_for_one_loading(loads: list[tuple[str, str | None]]) -> None:
    shelf = Shelf()
    with ThreadPoolExecutor(8) as readers:
        found = set(readers.map(lambda _: shelf.take("a", None), range(8)))
    assert len(found) == 1 and loads == [("a", None)]
    assert shelf.has("a", None) and not shelf.has("a", "v2")
    assert shelf.take("a", "v2") not in found


def test_least_used_is_put_away_first(loads: list[tuple[str, str | None]]) -> None:
    shelf = Shelf(most=2)
    first = shelf.take("a", None)
    shelf.take("b", None)
    assert shelf.take("a", None) is first
    shelf.take("c", None)
    assert shelf.has("a", None) and shelf.has("c", None) and not shelf.has("b", None)


def test_failure_is_told_to_each_and_not_kept(loads: list[tuple[str, str | None]]) -> None:
    shelf = Shelf()
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            shelf.take("bad", None)
    assert len(loads) == 2 and not shelf.has("bad", None)
