"""Memory of long runs: what is kept is equal and apart, and lies in few large pieces."""

from __future__ import annotations

import pytest
import torch

from attnviz.adapter import arena as memory
from attnviz.adapter.arena import Arena, give_back


def test_what_is_kept_is_equal_and_apart() -> None:
    found, mine = Arena(), torch.randn(2, 3, 5)
    view = mine[:, 1:]
    kept = [found.keep(one) for one in (mine, view, mine.double())]
    expected = [mine.clone(), view.clone(), mine.double()]
    mine.zero_()
    for one, other in zip(kept, expected, strict=True):
        assert torch.equal(one, other) and one.dtype == other.dtype and one.is_contiguous()


def test_pieces_are_shared_until_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PIECE", 100 * 4)
    found = Arena()
    places = [found.keep(torch.full((40,), float(n))).untyped_storage().data_ptr() for n in range(4)]
    assert places[0] == places[1] != places[2] == places[3]
    large = found.keep(torch.ones(101))
    assert large.untyped_storage().nbytes() == 101 * 4, "what fits no piece has its own"


def test_giving_back_is_no_trouble_where_there_is_no_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    give_back()

    class Other:
        def __init__(self, name: object) -> None: ...

    monkeypatch.setattr(memory.ctypes, "CDLL", Other)
    memory._trim.cache_clear()
    give_back()
    assert memory._trim() is None
    memory._trim.cache_clear()


def test_what_is_spread_out_over_heads_is_copied_once() -> None:
    queries = torch.randn(1, 1, 50, 4)
    kept = Arena().keep(queries.expand(1, 8, 50, 4))
    assert torch.equal(kept, queries.expand(1, 8, 50, 4)) and kept.stride(1) == 0
