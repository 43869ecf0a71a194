"""How spread out weights are."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def normalised(weights: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch key"]:
    """What share of its own weight does each query give to each key? Rows in float64 that sum to 1.

    Hard rules leave rows that sum to less than 1: these are scaled up. A row that is all 0 stays all 0.

    >>> normalised(torch.tensor([[0.2, 0.0, 0.6], [0.0, 0.0, 0.0]]))
    tensor([[0.2500, 0.0000, 0.7500],
            [0.0000, 0.0000, 0.0000]], dtype=torch.float64)
    """
    rows = weights.double()
    total = rows.sum(-1, keepdim=True)
    return torch.where(total > 0, rows / total.clamp_min(torch.finfo(rows.dtype).tiny), rows)


def entropy(weights: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch"]:
    """How spread out is each query's weight? Shannon entropy in bits, float64.

    0 when all weight rests on one key, log2(n) when n keys share it alike. Rows are normalised first; a row that is
    all 0 (a hard rule kept nothing) gives 0. Shannon 1948.

    >>> entropy(torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]))
    tensor([1., 2.], dtype=torch.float64)
    """
    nats: Tensor = torch.special.entr(normalised(weights)).sum(-1)
    return nats / math.log(2)
