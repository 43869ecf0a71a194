"""Does a head copy? Whether what it writes of a token makes that token more likely than others."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnviz.measures.entropy import normalised


def raised(gains: Float[Tensor, "key vocabulary"], ids: Int[Tensor, " key"]) -> Float[Tensor, " key"]:
    """Which share of the other pieces is raised less than the token itself, by what is written of it? 0 to 1, float64.

    `gains` are the logits that come of what is written of each key, `ids` which piece each is. By chance 0.5, ties
    counting half; 1: none is raised more; 0: the token is held down more than all others.

    >>> gains = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    >>> raised(gains, torch.tensor([0, 1, 2])).tolist()
    [1.0, 0.0, 0.5]
    """
    own = gains.gather(1, ids[:, None])
    below = (gains < own).sum(1) + ((gains == own).sum(1) - 1) / 2
    return below.double() / (gains.shape[1] - 1)


def copied(
    weights: Float[Tensor, "head query key"],
    shares: Float[Tensor, "head key"],
    asked: Bool[Tensor, " query"],
    text: Bool[Tensor, " key"],
) -> Float[Tensor, "head query"]:
    """How far does each query copy what it looks at? The mean of `shares` (`raised`) by its weights, 0 to 1.

    Weight on keys that are not of the `text` is taken out and the rest scaled to sum to 1. NaN for queries that are not
    `asked`, or that have no weight left. It is the direct way alone: what layers above make of what is written, and
    what a head writes for them to read, is left out. (After Elhage et al. 2021, who ask the eigenvalues of the circuit
    from embedding to logits, the same for all texts; here it is asked of the states that the head really read.)

    >>> one = torch.tensor([[[0.2, 0.2, 0.6]]])
    >>> copied(one, torch.tensor([[1.0, 0.0, 0.3]]), torch.tensor([True]), torch.tensor([True, True, False])).tolist()
    [[0.5]]
    """
    rows = normalised(weights.masked_fill(~text, 0.0))
    found = (rows * shares[:, None].double()).sum(-1)
    return found.masked_fill(~(asked & (rows.sum(-1) > 0)), torch.nan)
