"""How much the heads of a layer differ from each other."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.measures.entropy import entropy, normalised
from attnviz.trace import Trace


def head_distances(weights: Float[Tensor, "head query key"]) -> Float[Tensor, "head head"]:
    """How differently do two heads look at a text? The mean over queries of their Jensen-Shannon divergence, in bits.

    0: the same weights; 1: no key in common. Weights are `[head, query, key]`, the result `[head, head]` in float64,
    symmetric, its diagonal 0. Rows are normalised first. A query where either head's row is all 0 (a hard rule kept
    nothing) is left out of that pair; NaN where no query is left. The distance between heads of Clark et al. 2019,
    sec. 6 (a sum over data there, a mean over queries here).

    >>> head_distances(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.5, 0.5]]]))
    tensor([[0.0000, 1.0000, 0.3113],
            [1.0000, 0.0000, 0.3113],
            [0.3113, 0.3113, 0.0000]], dtype=torch.float64)
    """
    rows = normalised(weights)
    spread = entropy(rows)  # [head, query]
    filled = rows.sum(-1) > 0  # [head, query]
    distances = []
    for head in range(len(rows)):  # one head at a time: all pairs at once would need heads^2 maps
        divergence = entropy((rows + rows[head]) / 2) - (spread + spread[head]) / 2
        both = filled & filled[head]
        divergence = divergence.clamp(0, 1).masked_fill(~both, torch.nan)
        distances.append(divergence.nanmean(-1))
    return torch.stack(distances)


def mean_head_distance(trace: Trace, layer: int | None = None, rule: Rule | None = None) -> float | None:
    """How different are the heads of a layer, or of the whole model? Bits from 0 (all the same) to 1.

    The mean of `head_distances` over all pairs of heads; without `layer`, the mean of that over the layers. Queries
    that are special tokens are left out. None where no two heads can be compared: one head only, or a rule that
    kept nothing. Raises `AttnvizError` for a layer that the model does not have.
    """
    if layer is None:
        found = [mean_head_distance(trace, number, rule) for number in trace.open_layers]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None
    text = ~torch.tensor(trace.special)
    distances = head_distances(trace.weights(layer, rule=rule)[:, text])
    first, second = torch.triu_indices(len(distances), len(distances), offset=1)
    mean = distances[first, second].nanmean()
    return None if mean.isnan() else mean.item()
