"""Weights that do not share: what a rule is not.

A rule (`rules.py`) divides one whole among the keys, so that adding a number to a row of scores changes nothing. A
gate looks at each score alone. It stands here and not among the rules, which promise more.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attnviz.core.rules import Rule, at_least_float32


@dataclass(frozen=True)
class Gate(Rule):
    """How far is each key let through, whatever the others get? sigmoid(score), from 0 to 1; rows sum to anything.

    The weights of Deep Interest Network are of this kind (Zhou et al. 2018, sec. 4.3: not normalised, so that a
    candidate which much of a history speaks for takes more from it). A key that is not allowed gets 0.

    >>> Gate().weigh(torch.tensor([[-2.0, 0.0, -torch.inf]]))
    tensor([[0.1192, 0.5000, 0.0000]])
    """

    def weigh(self, scores: Tensor) -> Tensor:
        return torch.sigmoid(at_least_float32(scores))
