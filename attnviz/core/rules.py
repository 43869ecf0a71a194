"""How scores become weights.

A rule takes scores `[..., query, key]`, -inf where a key is not allowed, and returns weights of the same shape in
float32 or better. Three families:

* soft: `Soft` (softmax with a temperature);
* hard: form the soft weights, then keep only those that meet a criterion: `Threshold`, `TopK`, `TopP`, `Argmax`, and
  `Sample`, which draws one key (the hard attention of Xu et al. 2015);
* sparse and differentiable: `Sparsemax` and `Entmax`.

What every rule promises: a key that is not allowed gets exactly 0; a row whose every key is not allowed is all 0, never
NaN; adding one number to a whole row of scores changes nothing, so a rule may be given `weights.log()` where a model
returns weights alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from attnviz.core.given import plain, switch, whole
from attnviz.errors import RuleError, shown

VECTOR = 16  # float32 numbers that a processor computes with at once (AVX-512)
BISECTIONS = 60  # halves the bracket of the threshold below float64's spacing


def softmax(scores: Tensor, temperature: float = 1.0) -> Tensor:
    """Softmax over the last axis in which a row of -inf only gives zeros."""
    z = at_least_float32(scores)
    if temperature != 1.0:  # the largest score moved to 0 first, or a small temperature would make it infinite
        z = centred(z) / max(temperature, torch.finfo(z.dtype).tiny)
    weights = _softmax(z)
    if not bool(weights[..., :1].isnan().any()):  # exp(-inf) is 0; a row of -inf only is NaN throughout
        return weights
    none = (scores == -torch.inf).all(-1, keepdim=True)  # out of the way beforehand, or gradients would be NaN too
    return _softmax(z.masked_fill(none, 0.0)).masked_fill(none, 0.0)


def _softmax(z: Tensor) -> Tensor:
    """`torch.softmax` over the last axis. Rows shorter than a processor's vector it takes number by number: by hand
    those of 4 to 15 take a fifth to a seventh of the time."""
    if not 0 < z.shape[-1] < VECTOR or z.device.type != "cpu":
        return torch.softmax(z, dim=-1)
    exponentials = torch.exp(z - z.detach().amax(-1, keepdim=True))
    return exponentials / exponentials.sum(-1, keepdim=True)


def at_least_float32(scores: Tensor) -> Tensor:
    """Half-precision scores as float32: their rows would miss a sum of 1 by up to 0.01."""
    return scores if scores.dtype == torch.float64 else scores.float()


def _finest(scores: Tensor) -> Tensor:
    """Scores as float64; as they are on Apple's devices, which have none."""
    return scores if scores.device.type == "mps" else scores.double()


def kept(weights: Tensor, keep: Tensor, renormalise: bool) -> Tensor:
    """Set the weights outside `keep` to 0 and, on request, scale each row that kept anything to sum to 1."""
    left = torch.where(keep, weights, torch.zeros_like(weights))
    if not renormalise:
        return left
    total = left.sum(-1, keepdim=True)
    return torch.where(total > 0, left / total.clamp_min(torch.finfo(left.dtype).tiny), left)


@dataclass(frozen=True)
class Rule:
    """How scores become weights; see the module for what every rule promises."""

    def weigh(self, scores: Tensor) -> Tensor:
        """Weights `[..., query, key]` of scores `[..., query, key]`."""
        raise NotImplementedError

    def at(self, layer: int, head: int = 0, query: int = 0) -> Rule:
        """The rule as it acts in one layer, its scores from `head` and `query` on. Only `Sample` differs by place."""
        return self

    def _require(self, holds: Callable[[Any], bool], message: str, value: object) -> None:
        """Keep `value`, of the field that `message` names, as Python's own number. Raises `RuleError`."""
        number = plain(value)
        try:
            good = not isinstance(number, (complex, Tensor)) and bool(holds(number))
        except Exception:  # what is no number cannot be compared with one
            good = False
        if not good:
            raise RuleError(message, value=shown(value))
        object.__setattr__(self, message, number)

    def _yes_or_no(self, name: str) -> None:
        """Keep a switch as one. Raises `ArgumentError`."""
        object.__setattr__(self, name, switch(name, getattr(self, name)))


@dataclass(frozen=True)
class Soft(Rule):
    """What share of the weight does each key get? softmax(scores / temperature); Vaswani et al. 2017, eq. 1.

    Rows sum to 1. `temperature` > 0: below 1 sharpens, above 1 flattens. `RuleError` otherwise.

    >>> Soft().weigh(torch.tensor([[-2.0, 0.0, 0.5]]))
    tensor([[0.0486, 0.3592, 0.5922]])
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        self._require(lambda value: 0 < value < math.inf, "temperature", self.temperature)

    def weigh(self, scores: Tensor) -> Tensor:
        return softmax(scores, self.temperature)


@dataclass(frozen=True)
class Threshold(Rule):
    """Which keys hold at least `minimum` of the weight? The others are set to 0.

    `minimum` from 0 to 1. A row with no weight that large is all 0, renormalised or not. Without
    `renormalise` a row sums to what was kept.

    >>> Threshold(0.4).weigh(torch.tensor([[-2.0, 0.0, 0.5]]))
    tensor([[0.0000, 0.0000, 0.5922]])
    """

    minimum: float = 0.1
    renormalise: bool = False

    def __post_init__(self) -> None:
        self._require(lambda value: 0 <= value <= 1, "minimum", self.minimum)
        self._yes_or_no("renormalise")

    def weigh(self, scores: Tensor) -> Tensor:
        weights = softmax(scores)
        return kept(weights, weights >= self.minimum, self.renormalise)


@dataclass(frozen=True)
class TopK(Rule):
    """Which `k` keys hold the most weight? The others are set to 0. Of equal weights the earlier key is taken.

    `k` is an integer of at least 1; a row with fewer allowed keys keeps them all.

    >>> TopK(2).weigh(torch.tensor([[-2.0, 0.0, 0.5]]))
    tensor([[0.0000, 0.3592, 0.5922]])
    """

    k: int = 2
    renormalise: bool = False

    def __post_init__(self) -> None:
        self._require(lambda value: isinstance(value, int) and value >= 1, "k", self.k)
        self._yes_or_no("renormalise")

    def weigh(self, scores: Tensor) -> Tensor:
        weights = softmax(scores)
        order = weights.argsort(dim=-1, descending=True, stable=True)[..., : self.k]
        keep = torch.zeros_like(weights, dtype=torch.bool).scatter(-1, order, True)
        return kept(weights, keep, self.renormalise)


@dataclass(frozen=True)
class TopP(Rule):
    """Which fewest keys together hold at least `p` of the weight? The others are set to 0 (Holtzman et al. 2020).

    `p` from above 0 to 1. The heaviest key always stays.

    >>> TopP(0.9).weigh(torch.tensor([[-2.0, 0.0, 0.5]]))
    tensor([[0.0000, 0.3592, 0.5922]])
    """

    p: float = 0.9
    renormalise: bool = False

    def __post_init__(self) -> None:
        self._require(lambda value: 0 < value <= 1, "p", self.p)
        self._yes_or_no("renormalise")

    def weigh(self, scores: Tensor) -> Tensor:
        weights = softmax(scores)
        ordered, order = weights.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered
        keep = torch.zeros_like(weights, dtype=torch.bool).scatter(-1, order, before < self.p)
        return kept(weights, keep, self.renormalise)


@dataclass(frozen=True)
class Argmax(Rule):
    """Which one key holds the most weight? It gets 1 (or keeps its own weight), the others 0.

    Neither sampling nor the hard attention of Xu et al. 2015. Of equal weights the earlier key is taken.

    >>> Argmax().weigh(torch.tensor([[-2.0, 0.0, 0.5]]))
    tensor([[0., 0., 1.]])
    """

    renormalise: bool = True

    def __post_init__(self) -> None:
        self._yes_or_no("renormalise")

    def weigh(self, scores: Tensor) -> Tensor:
        return TopK(1, self.renormalise).weigh(scores)


@dataclass(frozen=True)
class Sample(Rule):
    """Which key does one draw from the weights pick? It gets 1 (or keeps its own weight): Xu et al. 2015, sec. 4.1.

    The draw depends on `seed`, the layer, the head and the query alone, so that a head looks the same however many
    heads are computed with it. Scores are `[..., head, query, key]` or `[query, key]`.
    """

    seed: int = 0
    renormalise: bool = True
    layer: int = 0
    first_head: int = 0
    first_query: int = 0

    def __post_init__(self) -> None:
        self._require(lambda value: isinstance(value, int) and value >= 0, "seed", self.seed)
        self._yes_or_no("renormalise")
        for name in ("layer", "first_head", "first_query"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))

    def at(self, layer: int, head: int = 0, query: int = 0) -> Sample:
        return replace(self, layer=layer, first_head=head, first_query=query)

    def weigh(self, scores: Tensor) -> Tensor:
        weights = softmax(scores)
        heads = scores.shape[-3] if scores.ndim > 2 else 1
        drawn = torch.stack([self._draws(self.first_head + h, scores.shape[-2]) for h in range(heads)])
        below = _finest(weights).cumsum(-1)
        point = (drawn if scores.ndim > 2 else drawn[0]).to(below)[..., None] * below[..., -1:]
        last = (weights > 0).to(below).mul(torch.arange(scores.shape[-1], device=scores.device)).amax(-1, keepdim=True)
        picked = torch.minimum((below <= point).sum(-1, keepdim=True), last.long())
        keep = torch.zeros_like(weights, dtype=torch.bool).scatter(-1, picked, True)
        return kept(weights, keep, self.renormalise)

    def _draws(self, head: int, queries: int) -> Tensor:
        """One number in [0, 1) for each query of one head `[query]`, float64."""
        place = (self.seed * 1_000_003 + self.layer) * 1_009 + head
        generator = torch.Generator().manual_seed(place % 2**63)  # torch takes no longer seed
        return torch.rand(self.first_query + queries, generator=generator, dtype=torch.float64)[self.first_query :]


@dataclass(frozen=True)
class Sparsemax(Rule):
    """Which point of the simplex lies nearest to the scores? Many weights are exactly 0. Martins and Astudillo 2016.

    >>> Sparsemax().weigh(torch.tensor([[-2.0, 0.0, 0.5]]))
    tensor([[0.0000, 0.2500, 0.7500]])
    """

    def weigh(self, scores: Tensor) -> Tensor:
        z = centred(scores)
        ordered = z.sort(dim=-1, descending=True).values
        totals = ordered.clamp_min(torch.finfo(z.dtype).min / z.shape[-1]).cumsum(-1)
        size = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
        support = (1 + size * ordered > totals).sum(-1, keepdim=True).clamp_min(1)
        tau = (totals.gather(-1, support - 1) - 1) / support
        return torch.where(scores == -torch.inf, torch.zeros_like(z), (z - tau).clamp_min(0))


@dataclass(frozen=True)
class Entmax(Rule):
    """What lies between softmax (`alpha` = 1) and sparsemax (`alpha` = 2)? Peters, Niculae and Martins 2019, eq. 4.

    p = max((alpha - 1) z - tau, 0)^(1 / (alpha - 1)), tau found by bisection. `alpha` from 1 to 10.

    >>> Entmax(1.5).weigh(torch.tensor([[-2.0, 0.0, 0.5]]))
    tensor([[0.0000, 0.3260, 0.6740]])
    """

    alpha: float = 1.5

    def __post_init__(self) -> None:
        self._require(lambda value: 1 <= value <= 10, "alpha", self.alpha)

    def weigh(self, scores: Tensor) -> Tensor:
        if self.alpha - 1 < 1e-3:  # the exponent would pass 1,000; softmax is the limit
            return softmax(scores)
        slope = self.alpha - 1
        z = _finest(centred(scores)) * slope
        high = z.detach().amax(-1, keepdim=True)
        low = high - 1
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            enough = (z.detach() - middle).clamp_min(0).pow(1 / slope).sum(-1, keepdim=True) >= 1
            low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
        weights = _followed(z, low, 1 / slope) if z.requires_grad else (z - low).clamp_min(0).pow(1 / slope)
        weights = kept(weights, scores != -torch.inf, renormalise=True)
        return weights.to(at_least_float32(scores).dtype)


def _followed(z: Tensor, threshold: Tensor, power: float) -> Tensor:
    """max(z - threshold, 0)^power, its gradient with that of the threshold, by the sum that has to stay at 1."""
    above = z.detach() > threshold
    weights = torch.where(above, z - threshold, 1.0).pow(power) * above
    slopes = torch.where(above, power * (z.detach() - threshold).clamp_min(0).pow(power - 1), 0.0)
    total = weights.sum(-1, keepdim=True)
    moved = (total - total.detach()) / slopes.sum(-1, keepdim=True).clamp_min(torch.finfo(z.dtype).tiny)
    return torch.where(above, z - threshold - moved, 1.0).pow(power) * above


def centred(scores: Tensor) -> Tensor:
    """Scores with each row's largest moved to 0, so that large scores lose no digits; rows of -inf stay finite."""
    z = at_least_float32(scores)
    top = z.amax(-1, keepdim=True)
    return z - torch.where(top == -torch.inf, torch.zeros_like(top), top)
