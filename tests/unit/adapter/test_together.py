"""Several readers open models at the same moment: transformers reads one at a time, or it makes up weights."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import torch

from attnviz import Model, load

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
