"""How much of a head's weight lies elsewhere in another reading: total variation, over places that both have."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def by_unit(
    weights: Float[Tensor, "head query key"], units: Sequence[Sequence[int]]
) -> Float[Tensor, "head unit place"]:
    """Weights between units, each some places: summed over a unit's keys, the mean over its queries.

    One column more than there are units: what goes to places that are in none.

    >>> by_unit(torch.tensor([[[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]), [[0, 1]]).tolist()
    [[[0.875, 0.125]]]
    """
    rows = torch.stack([weights[:, list(one)].double().mean(1) for one in units], 1)
    inside = torch.stack([rows[:, :, list(one)].sum(-1) for one in units], -1)
    rest = rows.sum(-1, keepdim=True) - inside.sum(-1, keepdim=True)
    return torch.cat([inside, rest], -1)


def moved_weight(
    first: Float[Tensor, "*head unit place"], second: Float[Tensor, "*head unit place"]
) -> Float[Tensor, "*head"]:
    """What share of a row's weight lies elsewhere in the other reading, the mean over the rows, 0 to 1.

    Half the sum of the differences without their signs: total variation (Levin, Peres & Wilmer 2009, prop. 4.2), of
    rows that sum to 1. A row in which a rule has lost weight counts that as half.

    >>> float(moved_weight(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])))
    0.25
    """
    return (first - second).abs().sum(-1).mean(-1) / 2
