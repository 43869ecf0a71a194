"""How monotonic is a head: does each token look later than the one before?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def monotonic(weights: Float[Tensor, "*batch token frame"]) -> Float[Tensor, "*batch"]:
    """How far does each token look later than the one before? Kendall's tau of where the tokens look, -1 to 1.

    A token looks at the mean of its frames, weighted. Of all pairs of tokens, the share of those whose later one looks
    later, less the share of those whose later one looks earlier (Kendall 1938); pairs that look at one place count as
    neither, so a head that looks at one place whatever is written has 0. 0 for less than two tokens.

    >>> monotonic(torch.eye(4)), monotonic(torch.eye(4).flip(0)), monotonic(torch.full((3, 4), 0.25))
    (tensor(1.), tensor(-1.), tensor(0.))
    """
    frames = torch.arange(weights.shape[-1], dtype=torch.float64)
    total = weights.double().sum(-1).clamp_min(1e-12)
    where = (weights.double() @ frames) / total
    tokens = where.shape[-1]
    if tokens < 2:
        return torch.zeros(weights.shape[:-2])
    later = where[..., None, :] - where[..., :, None]
    sign = torch.where(later.abs() < 1e-6 * weights.shape[-1], torch.zeros_like(later), later.sign())
    pairs = tokens * (tokens - 1) / 2
    return (sign.triu(1).sum((-2, -1)) / pairs).float()


def follows(weights: Float[Tensor, "*batch token frame"]) -> Float[Tensor, "*batch"]:
    """How well does a head follow the sound, 0 to 1? It looks later and later (`monotonic`, none below 0), and at few
    frames at a time: times 1 less the mean entropy of its rows over that of even weights.

    A head that drifts through the middle of the sound with all its frames in view is monotonic and of no use to say
    when a token was heard. 0 where there is one frame.

    >>> follows(torch.eye(4)), follows(torch.full((3, 4), 0.25))
    (tensor(1.), tensor(0.))
    """
    if weights.shape[-1] < 2 or weights.shape[-2] < 1:
        return torch.zeros(weights.shape[:-2])
    rows = weights.double() / weights.double().sum(-1, keepdim=True).clamp_min(1e-12)
    entropy = -torch.special.xlogy(rows, rows).sum(-1).mean(-1)
    even = torch.log(torch.tensor(float(weights.shape[-1]), dtype=torch.float64))
    found: Tensor = (monotonic(weights).double().clamp_min(0) * (1 - entropy / even)).float()
    return found
