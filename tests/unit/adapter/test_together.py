"""Several readers open models at the same moment: transformers reads one at a time, or it makes up weights."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
import torch

from attnviz import Model, load
from attnviz.adapter.stored import described

NAMES = ("lab-1", "lab-2", "lab-4", "lab-8", "lab-gpt")


def test_models_opened_at_the_same_moment_are_what_each_is_alone() -> None:
    """In two threads at once tied weights were taken as missing, and a masked model lost its head to random numbers."""
    before = sys.getswitchinterval()
    alone = {name: load(name) for name in NAMES}
    barrier = Barrier(len(NAMES))

    def open_one(name: str) -> Model:
        barrier.wait()
        found = load(name)
        assert isinstance(found, Model)
        return found

    sys.setswitchinterval(1e-4)
    try:
        with ThreadPoolExecutor(len(NAMES)) as pool:
            together = [dict(zip(NAMES, pool.map(open_one, NAMES), strict=True)) for _ in range(3)]
    finally:
        sys.setswitchinterval(before)
    for found in together:
        for name, one in found.items():
            expected = alone[name]
            assert isinstance(expected, Model)
            assert (one.kind, one.notices) == (expected.kind, expected.notices)
            for own, other in zip(one.network.parameters(), expected.network.parameters(), strict=True):
                assert torch.equal(own, other)


def test_a_module_can_be_made_while_models_are_being_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch looks through its hooks for every tensor of a module; that one was added meanwhile ended it."""
    monkeypatch.setattr(described, "_laid_out", lambda *_: time.sleep(1e-4))  # others come in between, where it is new
    over = Event()

    def open_many() -> None:
        for _ in range(100):
            with described.no_larger_than("a", 10, 10):
                time.sleep(1e-4)
        over.set()

    def make_many() -> int:
        made = 0
        while not over.is_set():
            torch.nn.Linear(2, 2)
            made += 1
        return made

    with ThreadPoolExecutor(2) as pool, described.no_larger_than("another", 10**6, 10**6):
        opening, making = pool.submit(open_many), pool.submit(make_many)
        opening.result()
        assert making.result() > 0
