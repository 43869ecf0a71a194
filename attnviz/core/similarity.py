"""How alike are a query and a key? The functions of the literature, each a way to the products that `attend` scales.

    Dot         q.k                       Luong et al. 2015, sec. 3.1 (dot); scaled by 1/sqrt(d): Vaswani et al. 2017
    General     q W k                     Luong et al. 2015, sec. 3.1 (general): bilinear
    Additive    v.tanh(W q + U k)         Bahdanau et al. 2015, appendix A.1.2
    Cosine      q.k / (|q| |k|)           Graves et al. 2014, eq. 6

Queries are `[..., query, d_query]`, keys `[..., key, d_key]`; the answer is `[..., query, key]`, float32 or better.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.rules import at_least_float32

SMALLEST = 1e-12  # a vector shorter than this has no direction: its cosines are 0


@dataclass(frozen=True)
class Similarity:
    """One such function. `widths` are those of query and key that it can compare, None for any that are equal."""

    @property
    def widths(self) -> tuple[int, int] | None:
        """The width of a query and that of a key."""
        return None

    def __call__(
        self, queries: Float[Tensor, "*batch query d_query"], keys: Float[Tensor, "*batch key d_key"]
    ) -> Float[Tensor, "*batch query key"]:
        """How alike each query and each key are `[..., query, key]`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Dot(Similarity):
    """q.k: how far do both point the same way, and how long are they?

    >>> Dot()(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[11.]])
    """

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        return at_least_float32(queries) @ at_least_float32(keys).transpose(-1, -2)


@dataclass(frozen=True, eq=False)
class General(Similarity):
    """q W k with a learned `weight` `[d_query, d_key]`: a dot product after one of the two was turned.

    >>> General(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[10.]])
    """

    weight: Float[Tensor, "d_query d_key"]

    @property
    def widths(self) -> tuple[int, int]:
        return self.weight.shape[0], self.weight.shape[1]

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        return Dot()(at_least_float32(queries) @ self.weight, keys)


@dataclass(frozen=True, eq=False)
class Additive(Similarity):
    """v.tanh(W q + U k): a small network with one hidden layer says how well they fit.

    `query_weight` is W `[hidden, d_query]`, `key_weight` U `[hidden, d_key]`, `vector` v `[hidden]`.

    >>> one = torch.ones(1, 1)
    >>> Additive(one, one, torch.tensor([2.0]))(torch.tensor([[0.2]]), torch.tensor([[0.3]]))
    tensor([[0.9242]])
    """

    query_weight: Float[Tensor, "hidden d_query"]
    key_weight: Float[Tensor, "hidden d_key"]
    vector: Float[Tensor, " hidden"]

    @property
    def widths(self) -> tuple[int, int]:
        return self.query_weight.shape[1], self.key_weight.shape[1]

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        looking = at_least_float32(queries) @ self.query_weight.T  # [..., query, hidden]
        looked_at = at_least_float32(keys) @ self.key_weight.T  # [..., key, hidden]
        return torch.tanh(looking[..., :, None, :] + looked_at[..., None, :, :]) @ self.vector


@dataclass(frozen=True)
class Cosine(Similarity):
    """q.k / (|q| |k|): the cosine of the angle between them, -1 to 1; 0 for a vector without length.

    >>> Cosine()(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000]])
    """

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        return Dot()(_unit(queries), _unit(keys))


def _unit(vectors: Tensor) -> Tensor:
    """Vectors of length 1 in the same directions."""
    z = at_least_float32(vectors)
    lengths: Tensor = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
    return z / lengths.clamp_min(SMALLEST)
