"""Which keys may a query look at? What a mask says, and what a model with an indexer has chosen: DeepSeek V3.2 and its
kin by token, MiniMax M3 by block.

Where attention is "eager", these models lay their choice out as a mask themselves; every other function is handed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from attnviz.core.causal import CausalMask


def chosen(module: torch.nn.Module, query: Tensor, keys: int, given: Mapping[str, object]) -> Tensor | None:
    """The choice as a mask `[batch, head or 1, query, key]`; None of a model that chooses nothing.

    `query` is `[batch, head, query, d]`, `given` what the model hands over beside queries, keys and values.
    """
    indices, blocks = given.get("indices"), given.get("block_indices")
    if isinstance(indices, Tensor):
        return _laid_out(indices, keys)[:, None]
    if not isinstance(blocks, Tensor):
        return None
    indexer: Any = module.indexer
    size = indexer.block_size
    kept = _laid_out(blocks, -(-keys // size)).repeat_interleave(size, dim=-1)[..., :keys]
    return kept.repeat_interleave(query.shape[1] // kept.shape[1], dim=1)


def _laid_out(indices: Tensor, places: int) -> Tensor:
    """Numbers `[..., chosen]` as a mask `[..., places]`; -1 stands for none."""
    numbers = indices.long()
    found = torch.zeros(*numbers.shape[:-1], places + 1, dtype=torch.bool, device=numbers.device)
    return found.scatter(-1, numbers.where(numbers >= 0, places), True)[..., :places]


def allowed_and_bias(mask: Tensor | None, bias: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Split what transformers hands over: a boolean mask, or a float mask whose very negative cells are not allowed."""
    if mask is None:
        return None, bias
    if isinstance(mask, CausalMask):
        return CausalMask(*mask.shape[-2:], device=mask.device), bias
    if mask.dtype == torch.bool:
        return mask, bias
    allowed = mask > torch.finfo(mask.dtype).min / 2
    rest = mask.masked_fill(~allowed, 0.0)
    if bias is not None:
        return allowed, bias + rest
    return allowed, rest if bool(rest.any()) else None
