"""Memory is given back once nobody is there, and a server that is told to end says so and waits for what runs."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.app_session import AppSessionState

from attnviz.models import memory
from attnviz.ui.server import leaving
from attnviz.ui.server.metrics import Figures
from attnviz.ui.stores import models, runs
from attnviz.ui.stores import turns as whose
from attnviz.ui.stores.store import Store


def test_what_is_kept_goes_once_nobody_has_been_there_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "LOOK", 0.01)
    monkeypatch.setattr(leaving, "QUIET", 0.1)
    forgotten: list[float] = []
    there = [0] * 5 + [1] * 5  # nobody yet: there is nothing to let go of; then somebody; then nobody any more

    async def lesson() -> None:
        watching = asyncio.create_task(
            leaving.tidy(lambda: forgotten.append(time.monotonic()), lambda: there.pop(0) if there else 0)
        )
        await asyncio.sleep(0.05)
        assert not forgotten
        await asyncio.sleep(1)
        watching.cancel()

    asyncio.run(lesson())
    assert len(forgotten) == 1


def test_a_server_that_nobody_is_at_holds_no_run_and_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    store, shelf = Store(10**9), models.ModelStore(10**9)
    monkeypatch.setattr(runs, "traces", lambda: store)
    monkeypatch.setattr(models, "model_store", lambda: shelf)
    store.put("a", b"x" * 1000)
    shelf.store.put("b", SimpleNamespace(network=SimpleNamespace(parameters=list, buffers=list)))
    whose.forget()
    assert not len(store) and not len(shelf.store)


def test_figures_tell_what_the_stores_hold_and_the_whole_program(monkeypatch: pytest.MonkeyPatch) -> None:
    store, shelf = Store(10**9), models.ModelStore(10**9)
    monkeypatch.setattr(runs, "traces", lambda: store)
    monkeypatch.setattr(models, "model_store", lambda: shelf)
    monkeypatch.setattr(whose, "server_turns", lambda: whose.Turns(1, 10**9))
    monkeypatch.setattr(memory, "resident", lambda: 9_999)
    store.put("a", b"x" * 1000)
    told = whose.figures()["attnviz_memory_bytes"]
    assert told == {"models": 0, "runs": store.bytes, "under way": 0, "all": 9_999} and store.bytes > 1000


class Session:
    """Somebody's, as Streamlit keeps it: it computes a page until `until`."""

    def __init__(self, lang: str, until: float) -> None:
        self.session_state, self.until, self.heard = {"lang": lang}, until, list[Any]()

    @property
    def _state(self) -> AppSessionState:
        running = time.monotonic() < self.until
        return AppSessionState.APP_IS_RUNNING if running else AppSessionState.APP_NOT_RUNNING

    def _enqueue_forward_msg(self, message: Any) -> None:
        self.heard.append(message)


def ended(monkeypatch: pytest.MonkeyPatch, sessions: list[Session], then: Callable[[], None]) -> list[int]:
    """What a server that these sit at hears of a signal, once it has come."""
    monkeypatch.setattr(leaving, "people", lambda: sessions)
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))

    async def serve() -> None:
        with leaving.farewell(lambda language: f"bye {language}", halt=then):
            signal.raise_signal(signal.SIGTERM)
            while not heard:
                await asyncio.sleep(0.01)

    try:
        asyncio.run(serve())
        return heard
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_server_told_to_end_says_so_in_each_language_and_waits_for_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    halted: list[bool] = []
    busy, idle = Session("zh", time.monotonic() + 0.8), Session("en", 0)
    heard = ended(monkeypatch, [busy, idle], lambda: halted.append(True))
    assert time.monotonic() >= busy.until
    assert [one.heard[0].delta.new_element.toast.body for one in (busy, idle)] == ["bye zh", "bye en"]
    assert heard == [signal.SIGTERM] and halted == [True]


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "PATIENCE", 0.3)
    assert ended(monkeypatch, [Session("en", time.monotonic() + 60)], lambda: None) == [signal.SIGTERM]


def test_metrics_tell_sums_and_what_is_asked_for_alone() -> None:
    figures = Figures(lambda: {
        "attnviz_people": 3, "attnviz_heavy_running": 1, "attnviz_heavy_waiting": 2,
        "attnviz_memory_bytes": {"models": 5, "runs": 6}, "attnviz_runs": 7, "attnviz_run_milliseconds": 8,
    })  # fmt: skip
    told = figures.get_stats(["attnviz_memory_bytes"])
    assert [one.to_metric_str() for one in told["attnviz_memory_bytes"]] == [
        'attnviz_memory_bytes{of="models"} 5', 'attnviz_memory_bytes{of="runs"} 6',
    ]  # fmt: skip
    assert list(told) == ["attnviz_memory_bytes"] and set(figures.get_stats()) == set(figures.stats_families)
