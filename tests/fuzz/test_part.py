"""A part of `python -m tests.fuzz`, the same on every run: no input brings anything but a result or a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from attnviz.models import memory
from tests.fuzz import folders, names, outcome
from tests.fuzz.rounds import Tally, search

INPUTS = 200


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the tiny models lie; and no more memory than the command gives."""
    monkeypatch.setattr(memory, "available", lambda *_: outcome.FREE)
    folders.use(tmp_path)
    yield tmp_path
    names.model.cache_clear()
    folders.clear()


@pytest.mark.filterwarnings("ignore")
def test_nothing_but_a_sentence_leaves_the_library_for_200_generated_inputs() -> None:
    tally = search(Tally(), INPUTS, 1)
    assert tally.done == INPUTS
    assert not tally.findings, "\n".join(
        f"{one.kind}: {one.said}\n  python -m tests.fuzz --again {one.code!r}" for one in tally.findings.values()
    )
    assert tally.said["a result"] > INPUTS // 20  # most inputs are wrong, and some have to go through


@pytest.mark.filterwarnings("ignore")
def test_the_search_finds_what_leaves_the_library_and_makes_it_small(monkeypatch: pytest.MonkeyPatch) -> None:
    import attnviz

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no guard")

    monkeypatch.setattr(attnviz, "load", broken)
    tally = search(Tally(), 40, 1)
    assert "ZeroDivisionError" in " ".join(tally.findings)
