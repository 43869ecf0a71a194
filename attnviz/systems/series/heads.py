"""What a head looks back at, in four shares, and the name that it gets from them: one definition for card and page.

    yesterday   weight on the steps one day (a period) before the asking one, one step off counted too
    last        weight on the last step that was measured
    wind        weight on hours with the wind that blows as it asks: at the last hour, where what comes asks
    entropy     how spread out the weights are, as a share of that of even weights over the same steps

Each stands beside what even weights over the steps that may be looked at would give. Hours that lie near have the same
wind, so that a head that looks at the newest looks at the same wind too: `placed` is the share of the wind under the
head's own weights as they are on average at each place, whatever the wind. What goes beyond that follows the wind.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from attnviz.measures.entropy import entropy, normalised

DAY = 24
SHARES = ("yesterday", "last", "wind", "entropy")
NAMED = 0.3  # a share that gives a head its name, where it is besides at least
TIMES = 3.0  # so many times what even weights would give
WINDY = 0.1  # a head has its name by the wind where its share lies so far above even weights, and above `placed`
SPREAD = 0.9  # an entropy from which on a head is called spread out


@dataclass(frozen=True)
class Habit:
    """The shares of a head, 0 to 1; beside them those of even weights (yesterday, last, wind), and `placed`."""

    yesterday: float
    last: float
    wind: float
    entropy: float
    even: tuple[float, float, float]
    placed: float = 0.0

    @property
    def name(self) -> str:
        """By which of them is the head called? "yesterday", "last", "wind", "spread" or "mixed".

        >>> Habit(0.5, 0.1, 0.4, 0.6, (0.02, 0.01, 0.4)).name
        'yesterday'
        """
        shares = (("yesterday", self.yesterday, self.even[0]), ("last", self.last, self.even[1]))
        found = {name: share for name, share, even in shares if share >= max(NAMED, TIMES * even)}
        if found:
            return max(found, key=found.__getitem__)
        if self.wind - max(self.even[2], self.placed) >= WINDY:
            return "wind"
        return "spread" if self.entropy >= SPREAD else "mixed"


def lags(queries: int, keys: int, first: int, day: int = DAY) -> Bool[Tensor, "query key"]:
    """Which keys lie one day before each query, one step off counted too? Query 0 is at step `first` of the keys."""
    back = first + torch.arange(queries)[:, None] - torch.arange(keys)
    return (back - day).abs() <= 1


def habit(
    weights: Float[Tensor, "*batch query key"],
    seen: Bool[Tensor, "*batch key"],
    wind: Int64[Tensor, "*batch key"] | None,
    *,
    own: bool = False,
    day: int = DAY,
) -> Habit:
    """The shares of one head, averaged over queries and a batch of windows.

    `seen` are the keys that were measured; with `own` the queries are the keys themselves (the encoder), else they are
    what comes after the last key. Queries that look at nothing are left out.
    """
    queries, keys = weights.shape[-2:]
    rows, allowed = normalised(weights), seen[..., None, :].expand(weights.shape)
    even = normalised(allowed.float())
    last = (seen.long() * torch.arange(1, keys + 1)).argmax(-1)
    marks = [
        lags(queries, keys, 0 if own else keys, day).expand(weights.shape),
        (torch.arange(keys) == last[..., None])[..., None, :].expand(weights.shape),
        _same_wind(wind, last, own, rows),
    ]
    asked = rows.sum(-1) > 0
    shares = [[float((one * mark).sum(-1)[asked].mean()) for mark in marks] for one in (rows, even)]
    spread = entropy(weights)[asked] / entropy(even)[asked].clamp_min(1e-9)
    usual = rows.flatten(0, -3).mean(0) if rows.ndim > 2 else rows  # at each place, whatever the wind
    placed = float((usual * marks[2]).sum(-1)[asked].mean())
    (yesterday, newest, windy), level = shares
    return Habit(yesterday, newest, windy, float(spread.mean()), (level[0], level[1], level[2]), placed)


def _same_wind(wind: Tensor | None, last: Tensor, own: bool, like: Tensor) -> Tensor:
    """Which keys have the wind that blows as each query asks? None of them where no wind is known."""
    if wind is None:
        return torch.zeros_like(like, dtype=torch.bool)
    asking = wind[..., :, None] if own else wind.gather(-1, last[..., None])[..., None]
    return (wind[..., None, :] == asking).expand(like.shape)
