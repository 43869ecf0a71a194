"""How much of each input is in each state on top, if attention mixes states and nothing else does? (Rollout)"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def heads_together(weights: Float[Tensor, "*head query key"]) -> Float[Tensor, "query key"]:
    """The mean over the heads of a layer, `[query, key]`; a map without heads as it is. Float64."""
    return weights.double().reshape(-1, *weights.shape[-2:]).mean(0)


def with_identity(weights: Float[Tensor, "place place"]) -> Float[Tensor, "place place"]:
    """(A + I) / 2: half of each state passes by the attention, on the residual. (Abnar and Zuidema 2020, sec. 3)

    >>> with_identity(torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    tensor([[0.9500, 0.0500],
            [0.1000, 0.9000]], dtype=torch.float64)
    """
    return (weights.double() + torch.eye(len(weights), dtype=torch.float64, device=weights.device)) / 2


def rollout(
    layers: Sequence[Float[Tensor, "*head place place"]], *, identity: bool = True
) -> Float[Tensor, "place place"]:
    """How much of each input `[.., key]` is in each state on top `[query, ..]`? R = A~_L ... A~_2 A~_1.

    `layers` are the weights from the lowest to the uppermost, with heads or already one map each; A~ is their mean over
    the heads and, with `identity`, (A + I) / 2. The upper layer stands on the left, since its queries are asked for.
    Rows sum to 1 where those of the weights do. (Abnar and Zuidema 2020, sec. 3)

    It leaves out what values, output projections, norms and MLPs do with what is looked at, and takes all heads and the
    residual to be worth the same.

    >>> rollout([torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([[0.6, 0.4], [0.5, 0.5]])])
    tensor([[0.7800, 0.2200],
            [0.3125, 0.6875]], dtype=torch.float64)
    """
    maps = [heads_together(layer) for layer in layers]
    if not maps or any(one.shape != (len(maps[0]), len(maps[0])) for one in maps):
        raise ValueError(f"rollout needs square maps of one size; got {[tuple(one.shape) for one in layers]}")
    together = torch.eye(len(maps[0]), dtype=torch.float64, device=maps[0].device)
    for one in maps:
        together = (with_identity(one) if identity else one) @ together
    return together


def frozen(layers: Sequence[Float[Tensor, "*head place place"]]) -> Float[Tensor, "place place"]:
    """How much of each input is in each state on top, values passing as they are: (I + A_L) ... (I + A_1).

    The exact answer where the weights are held as they are and nothing else is computed: its row times the inputs sums
    to the state.

    >>> frozen([torch.tensor([[0.75, 0.25], [0.5, 0.5]])])
    tensor([[1.7500, 0.2500],
            [0.5000, 1.5000]], dtype=torch.float64)
    """
    found: Tensor = rollout(layers) * 2 ** len(layers)
    return found


def rows_to_one(amounts: Float[Tensor, "query key"]) -> Float[Tensor, "query key"]:
    """Amounts of at least 0 as shares of their row; a row of zeros stays one. Float64.

    >>> rows_to_one(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.25, 0.75], [0.0, 0.0]]
    """
    amounts = amounts.double()
    total = amounts.sum(-1, keepdim=True)
    return torch.where(total > 0, amounts / total, torch.zeros_like(amounts))
