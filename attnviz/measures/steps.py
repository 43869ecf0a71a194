"""One query of a head, step by step: products, scale, mask, rule, output; and what the scale is for.

The queries, keys and values are those of a model's own run; nothing of the run is changed. `again` computes what
follows from them anew, with `attend`, under another scale, mask or rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule, Soft
from attnviz.measures.entropy import entropy
from attnviz.trace import Trace


@dataclass(frozen=True)
class Steps:
    """Every step from one query to its output, `[key]` but for `query` and `output` `[d]`, `keys` and `values`
    `[key, d]`.

    `products` are q.k, `scaled` these times `scale`, `masked` -inf where the key is not allowed, `weights` what the
    rule makes of them, `output` the sum of the values times their weights.
    """

    query: Float[Tensor, " d_head"]
    keys: Float[Tensor, "key d_head"]
    values: Float[Tensor, "key d_value"]
    products: Float[Tensor, " key"]
    scale: float
    scaled: Float[Tensor, " key"]
    masked: Float[Tensor, " key"]
    weights: Float[Tensor, " key"]
    output: Float[Tensor, " d_value"]

    @classmethod
    def of(cls, found: Attention, query: int) -> Steps:
        """The steps of one query of one head `[query, ...]` (`Trace.attention(layer, head)`)."""
        products = found.products[query]
        return cls(
            query=found.queries[query], keys=found.keys, values=found.values, products=products, scale=found.scale,
            scaled=products * found.scale, masked=found.scores[query], weights=found.weights[query],
            output=found.output[query],
        )  # fmt: skip

    @property
    def parts(self) -> Float[Tensor, "key d_value"]:
        """What each key adds to the output: its value times its weight."""
        return self.weights[:, None] * self.values


def again(
    trace: Trace, layer: int, *, scaled: bool = True, allowed: Bool[Tensor, "query key"] | None = None,
    rule: Rule | None = None,
) -> Trace:  # fmt: skip
    """What would this layer make of its own queries, keys and values under another scale, mask or rule?

    Without `scaled` the products are taken as they are (scale 1). `allowed` is True where a query may look; where the
    model has a mask of its own both must allow it. The other layers, and all that follows in the model, stay as they
    were. Raises `AttnvizError` for a layer that is not there or has no attention.
    """
    whole = trace.attention(layer)
    both = whole.allowed if allowed is None else allowed if whole.allowed is None else allowed & whole.allowed
    found = attend(
        whole.queries, whole.keys, whole.values, rule=whole.rule if rule is None else rule, allowed=both,
        bias=whole.bias, scale=whole.scale if scaled else 1.0, softcap=whole.softcap, sink=whole.sink,
        similarity=whole.similarity,
    )  # fmt: skip
    layers = (*trace.layers[:layer], found, *trace.layers[layer + 1 :])
    return replace(trace, layers=layers)


def nats(weights: Float[Tensor, "*batch key"]) -> Float[Tensor, "*batch"]:
    """How spread out is each row? Shannon entropy in nats: 0 on one key, ln n when n keys share alike."""
    return entropy(weights) * math.log(2)


@dataclass(frozen=True)
class Saturation:
    """How the weights of random vectors saturate as they become wider: means over draws, one number a width.

    `entropy` and `largest` are for products as they are, `entropy_scaled` and `largest_scaled` for those divided by
    sqrt(d). Entropies in nats; `even` is that of equal weights, ln n.
    """

    widths: tuple[int, ...]
    entropy: tuple[float, ...]
    largest: tuple[float, ...]
    entropy_scaled: tuple[float, ...]
    largest_scaled: tuple[float, ...]
    even: float


def saturation(widths: Sequence[int], *, keys: int = 32, draws: int = 200, seed: int = 0) -> Saturation:
    """Why divide by sqrt(d)? Softmax weights of one random query over random keys, with and without it.

    Query and keys have independent entries of mean 0 and variance 1, so that q.k has the variance d (Vaswani et al.
    2017, footnote 4). No model's attention: a fact about products.

    >>> found = saturation((64,))
    >>> found.entropy[0] < 0.6, found.entropy_scaled[0] > 2.9
    (True, True)
    """
    plain, most, scaled, most_scaled = zip(*(_drawn(width, keys, draws, seed) for width in widths), strict=True)
    return Saturation(tuple(widths), plain, most, scaled, most_scaled, math.log(keys))


def _drawn(width: int, keys: int, draws: int, seed: int) -> tuple[float, float, float, float]:
    """Entropy and largest weight without the scale, then with it, for one width."""
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(draws, 1, width, generator=generator)
    looked_at = torch.randn(draws, keys, width, generator=generator)
    found: list[float] = []
    for scale in (1.0, None):
        weights = attend(queries, looked_at, looked_at, rule=Soft(), scale=scale).weights
        found += [nats(weights).mean().item(), weights.amax(-1).mean().item()]
    return found[0], found[1], found[2], found[3]
