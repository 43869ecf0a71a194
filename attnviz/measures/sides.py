"""On which side of a token does the weight of its row lie, and on whom does it rest?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.trace import Trace


@dataclass(frozen=True)
class Sides:
    """Shares of one row's weight, mean over heads: on tokens before it, itself, those after it, special tokens."""

    before: float
    itself: float
    after: float
    special: float


def consulted(trace: Trace, query: int, layer: int | None = None, rule: Rule | None = None) -> Float[Tensor, " key"]:
    """Whom does this token look at, all in all? Its row `[key]`, mean over the heads of one layer or of all."""
    layers = trace.open_layers if layer is None else [layer]
    rows = [trace.weights(number, rule=rule)[:, query] for number in layers]
    return torch.cat(rows).mean(0)


def sides(trace: Trace, query: int, layer: int | None = None, rule: Rule | None = None) -> Sides:
    """How much of a token's weight goes to the left, to itself, to the right, to special tokens? Sums to the row's sum.

    Special tokens ([CLS], [SEP], <s>, ...) are counted apart wherever they stand, since they are no context; a blanked
    token is its own.
    """
    row = consulted(trace, query, layer, rule)
    place, special = torch.arange(len(row)), torch.tensor(trace.key_special)
    parts = [(place < query) & ~special, place == query, (place > query) & ~special, special & (place != query)]
    return Sides(*(float(row[part].sum()) for part in parts))
