"""Do two lists of numbers stand in the same order?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def ranks(values: Sequence[float]) -> Float[Tensor, " value"]:
    """The place of each value in ascending order, from 1; equal values share the mean of their places.

    >>> ranks([0.3, 0.1, 0.3]).tolist()
    [2.5, 1.0, 2.5]
    """
    found = torch.tensor(list(values), dtype=torch.float64)
    smaller = (found[None, :] < found[:, None]).sum(-1)
    equal = (found[None, :] == found[:, None]).sum(-1)
    return smaller.double() + (equal.double() + 1) / 2


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Do two lists stand in the same order? The correlation of their ranks, -1 to 1. (Spearman 1904)"""
    a, b = (one - one.mean() for one in (ranks(first), ranks(second)))
    return (a @ b / (a.norm() * b.norm())).item() if len(a) > 1 else float("nan")


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """Do two lists stand in the same order? Pairs in the same order less pairs in the other, ties counted as tau-b.

    -1 to 1. (Kendall 1945)
    """
    signs = []
    for values in (first, second):
        one = torch.tensor(list(values), dtype=torch.float64)
        signs.append(torch.sign(one[:, None] - one[None, :]).triu(1))
    a, b = signs
    return ((a * b).sum() / (a.abs().sum() * b.abs().sum()).sqrt()).item()
