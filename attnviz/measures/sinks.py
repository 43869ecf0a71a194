"""Which places collect the weight of many queries, whatever these are about?"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

TIMES = 6.0  # the even share: in DINOv2's maps ordinary patches stay below 3, its outliers reach 20 and more


def sinks(weights: Float[Tensor, "query key"], special: Sequence[bool] = (), *, times: float = TIMES) -> list[int]:
    """Which keys get from the average query at least `times` the even share? Special ones left out.

    Such patches hold no part of the picture that all others need: a vision transformer keeps notes in them (Darcet et
    al. 2024, "registers"); in texts it is the first token (Xiao et al. 2024).

    >>> import torch
    >>> sinks(torch.tensor([[0.8, 0.1, 0.1], [0.9, 0.1, 0.0], [0.7, 0.2, 0.1]]), times=2)
    [0]
    """
    received = weights.double().nan_to_num(0.0).mean(0)
    least = times / received.numel()
    return [
        place for place, share in enumerate(received.tolist()) if share >= least and not (special and special[place])
    ]
