"""Which keys a model with an indexer lets each query look at, against loops over what it says."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from attnviz.adapter.chosen import chosen

QUERY = torch.zeros(1, 4, 3, 2)  # 4 heads, 3 queries


def test_keys_chosen_one_by_one_are_those_named() -> None:
    indices = torch.tensor([[[0, 2], [1, 4], [3, -1]]], dtype=torch.int32)
    mask = chosen(nn.Module(), QUERY, 5, {"indices": indices})
    assert mask is not None and mask.shape == (1, 1, 3, 5)
    for query in range(3):
        for key in range(5):
            assert bool(mask[0, 0, query, key]) == (key in indices[0, query].tolist())


def test_keys_chosen_by_block_are_those_inside_for_all_heads_that_share_an_indexer_head() -> None:
    module = nn.Module()
    object.__setattr__(module, "indexer", SimpleNamespace(block_size=2))
    blocks = torch.tensor([[[[0, -1], [1, 2], [2, 0]], [[2, -1], [0, 1], [1, -1]]]])  # 2 indexer heads
    mask = chosen(module, QUERY, 5, {"block_indices": blocks})
    assert mask is not None and mask.shape == (1, 4, 3, 5)
    for head in range(4):
        for query in range(3):
            for key in range(5):
                assert bool(mask[0, head, query, key]) == (key // 2 in blocks[0, head // 2, query].tolist())


def test_model_that_chooses_nothing_has_no_such_mask() -> None:
    assert chosen(nn.Module(), QUERY, 5, {"block_indices": None, "cu_seq_lens_q": torch.arange(2)}) is None
