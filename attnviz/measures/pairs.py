"""Of two texts that were read as one: how much of its weight does each give to itself, and to the other?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.errors import AttnvizError
from attnviz.trace import Trace


def is_pair(trace: Trace) -> bool:
    """Are both sides of this map two texts read as one?"""
    return bool(trace.queries.segments) and bool(trace.keys.segments)


def pair_shares(
    trace: Trace, layer: int, head: int | None = None, *, rule: Rule | None = None
) -> Float[Tensor, "text other"]:
    """How much of its weight does each text give to each? `[2, 2]`, the mean over its tokens.

    Row 0 is the first text: what it gives to itself, and to the second. What a row misses to 1 goes to special tokens
    ([CLS], [SEP]). Of one head, or the mean over those of a layer. Raises `AttnvizError` where no pair was read.
    """
    if not is_pair(trace):
        raise AttnvizError("no_pair")
    found = trace.weights(layer, head, rule).double()
    weights = found if head is not None else found.mean(0)
    rows, columns = _members(trace.queries.segments), _members(trace.keys.segments)
    sizes = rows.sum(-1, keepdim=True).clamp_min(1)
    return ((rows / sizes) @ weights @ columns.T).float()


def _members(segments: tuple[int | None, ...]) -> Float[Tensor, "text token"]:
    """1 where a token is of a text."""
    return torch.tensor([[float(one == which) for one in segments] for which in (0, 1)], dtype=torch.float64)
