"""How alike are a query and a key? The functions of the literature, each a way to the products that `attend` scales.

    Dot         q.k                       Luong et al. 2015, sec. 3.1 (dot); scaled by 1/sqrt(d): Vaswani et al. 2017
    General     q W k                     Luong et al. 2015, sec. 3.1 (general): bilinear
    Additive    v.tanh(W q + U k)         Bahdanau et al. 2015, appendix A.1.2
    Cosine      q.k / (|q| |k|)           Graves et al. 2014, eq. 6
    Joined      LeakyReLU(u.q + v.k)      Veličković et al. 2018, eq. 3 (GAT): a = [u || v]
    Leaky       v.LeakyReLU(q + k)        Brody et al. 2022, eq. 7 (GATv2)
    ActivationUnit   v.PReLU(W q + U k + X (q x k) + b) + c    Zhou et al. 2018, sec. 4.3 (DIN)

Queries are `[..., query, d_query]`, keys `[..., key, d_key]`; the answer is `[..., query, key]`, float32 or better.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
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

    def only(self, head: int) -> Similarity:
        """The same for one head alone; another where each head compares by vectors of its own."""
        return self


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


@dataclass(frozen=True, eq=False)
class Joined(Similarity):
    """LeakyReLU(u.q + v.k), that is LeakyReLU(a.[q || k]) with a = [u || v].

    `query_vector` is u, `key_vector` v, `[d]` each or, one for each head, `[head, d]`; `slope` is what is left of a
    negative sum. The slope is positive, so every query ranks the keys alike, by v.k (Brody et al. 2022, theorem 1).

    >>> one = torch.ones(1)
    >>> Joined(one, one)(torch.tensor([[1.0], [-3.0]]), torch.tensor([[2.0]]))
    tensor([[ 3.0000],
            [-0.2000]])
    """

    query_vector: Float[Tensor, "*head d_query"]
    key_vector: Float[Tensor, "*head d_key"]
    slope: float = 0.2

    @property
    def widths(self) -> tuple[int, int]:
        return self.query_vector.shape[-1], self.key_vector.shape[-1]

    def only(self, head: int) -> Similarity:
        return Joined(_of_head(self.query_vector, head), _of_head(self.key_vector, head), self.slope)

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        looking = (at_least_float32(queries) * self.query_vector[..., None, :]).sum(-1)  # [..., query]
        looked_at = (at_least_float32(keys) * self.key_vector[..., None, :]).sum(-1)  # [..., key]
        return F.leaky_relu(looking[..., :, None] + looked_at[..., None, :], self.slope)


@dataclass(frozen=True, eq=False)
class Leaky(Similarity):
    """v.LeakyReLU(q + k): the sum bends before v weighs it, so each query may rank the keys in its own way.

    `vector` is v `[d]` or, one for each head, `[head, d]`; `slope` is what is left of what is negative.

    >>> Leaky(torch.tensor([1.0, -1.0]))(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, -2.0]]))
    tensor([[1.4000]])
    """

    vector: Float[Tensor, "*head d"]
    slope: float = 0.2

    @property
    def widths(self) -> tuple[int, int]:
        return self.vector.shape[-1], self.vector.shape[-1]

    def only(self, head: int) -> Similarity:
        return Leaky(_of_head(self.vector, head), self.slope)

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        both = at_least_float32(queries)[..., :, None, :] + at_least_float32(keys)[..., None, :, :]
        return (F.leaky_relu(both, self.slope) * self.vector[..., None, None, :]).sum(-1)


@dataclass(frozen=True, eq=False)
class ActivationUnit(Similarity):
    """v.PReLU(W q + U k + X (q x k) + b) + c: a small network that sees both and, number by number, their product.

    `query_weight` is W, `key_weight` U, `product_weight` X, each `[hidden, d]`; `hidden_bias` b and `vector` v are
    `[hidden]`, `slope` (what PReLU leaves of what is negative) and `bias` c single numbers.

    >>> one, none = torch.ones(1, 1), torch.zeros(1, 1)
    >>> unit = ActivationUnit(none, none, one, torch.zeros(1), torch.tensor(0.5), torch.ones(1), torch.tensor(0.25))
    >>> unit(torch.tensor([[2.0], [-2.0]]), torch.tensor([[3.0]]))
    tensor([[ 6.2500],
            [-2.7500]])
    """

    query_weight: Float[Tensor, "hidden d"]
    key_weight: Float[Tensor, "hidden d"]
    product_weight: Float[Tensor, "hidden d"]
    hidden_bias: Float[Tensor, " hidden"]
    slope: Float[Tensor, ""]
    vector: Float[Tensor, " hidden"]
    bias: Float[Tensor, ""]

    @property
    def widths(self) -> tuple[int, int]:
        return self.query_weight.shape[1], self.key_weight.shape[1]

    def __call__(self, queries: Tensor, keys: Tensor) -> Tensor:
        looking = at_least_float32(queries) @ self.query_weight.T + self.hidden_bias  # [..., query, hidden]
        looked_at = at_least_float32(keys) @ self.key_weight.T  # [..., key, hidden]
        turned = at_least_float32(keys)[..., :, None, :] * self.product_weight  # [..., key, hidden, d]
        product = torch.einsum("...qd,...khd->...qkh", at_least_float32(queries), turned)
        inside = product.add_(looking[..., :, None, :]).add_(looked_at[..., None, :, :])
        return F.prelu(inside, self.slope.reshape(1)) @ self.vector + self.bias


def _of_head(vectors: Tensor, head: int) -> Tensor:
    """One head's vector; the one that all have in common where there is one."""
    return vectors if vectors.ndim == 1 else vectors[head]


def _unit(vectors: Tensor) -> Tensor:
    """Vectors of length 1 in the same directions."""
    z = at_least_float32(vectors)
    lengths: Tensor = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
    return z / lengths.clamp_min(SMALLEST)
