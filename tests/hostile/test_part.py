"""A part of `python -m tests.hostile`, the same on every run; and what it looks for is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from attnviz.models import memory
from tests.fuzz import folders, names, outcome
from tests.fuzz.rounds import Tally, search
from tests.hostile import inputs, sent

INPUTS = 60


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the tiny models lie; no more memory than the command gives."""
    monkeypatch.setattr(memory, "available", lambda *_: outcome.FREE)
    monkeypatch.setattr(names, "NAMES", names.NAMES | inputs.NAMES)
    monkeypatch.setenv("ATTNVIZ_HOSTED", "")
    folders.use(tmp_path)
    yield
    names.model.cache_clear()
    folders.clear()


@pytest.mark.filterwarnings("ignore")
def test_strangers_get_pages_results_and_sentences_for_60_generated_inputs() -> None:
    tally = search(Tally(), INPUTS, 2, inputs.inputs())
    assert tally.done == INPUTS
    assert not tally.findings, "\n".join(
        f"{one.kind}: {one.said}\n  python -m tests.hostile --again {one.code!r}" for one in tally.findings.values()
    )


@pytest.mark.filterwarnings("ignore")
def test_a_fault_of_a_page_and_a_foreign_host_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from attnviz.ui.stores import runs

    def asking(*_: object) -> None:
        sent.hear("socket.getaddrinfo", ("evil.example", 443))

    monkeypatch.setattr(runs, "traces", asking)
    with pytest.raises(AssertionError, match=r"attention"):
        sent.link("attention", False, {})
    assert outcome.tried("link('attention', True, {})").finding
    with pytest.raises(OSError, match="foreign"):
        sent.hear("socket.connect", (None, ("10.0.0.1", 80)))
    assert sent.foreign[-1] == "10.0.0.1"
