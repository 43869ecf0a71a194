"""The one attention function. Every system, from RNN alignment to a Hub model, runs through `attend`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.causal import CausalMask
from attnviz.core.rules import Rule, Soft, at_least_float32
from attnviz.core.similarity import Dot, Similarity
from attnviz.errors import AttnvizError
from attnviz.threads import cached_property

DOT = Dot()


@dataclass(frozen=True)
class Attention:
    """One call of `attend`: what came in, and `products`, `scores`, `weights` and `output`.

    Each of these four is computed when first asked for, then kept. `softcap` bounds the scaled products; `sink` is the
    score of a place that takes weight and gives nothing, one for each query (or head), so that rows sum to less than 1.
    `shared` is how many neighbouring query heads have one key and value head in common (1: none do). `similarity`
    compares a query with a key (`similarity.py`); where it is not the dot product, the two may differ in width.
    `allowed` may be a `CausalMask`, which is laid out only where it is looked at. The values of a long text are not
    kept (`record`): their width is then 0, and asking for the output raises `AttnvizError`.
    """

    queries: Float[Tensor, "*batch query d_head"]
    keys: Float[Tensor, "*batch key d_key"]
    values: Float[Tensor, "*batch key d_value"]
    rule: Rule
    allowed: Bool[Tensor, "*#batch #query key"] | None
    bias: Float[Tensor, "*#batch #query key"] | None
    scale: float
    softcap: float | None = None
    sink: Float[Tensor, "*#batch #query"] | None = None
    shared: int = 1
    similarity: Similarity = DOT

    @property
    def n_heads(self) -> int:
        """How many heads the call has."""
        return self.queries.shape[-3]

    @property
    def explained(self) -> bool:
        """Are the scores known from which the weights come?"""
        return True

    @cached_property
    def products(self) -> Float[Tensor, "*batch query key"]:
        """q.k, or what another similarity gives, before the scale, the bias and the mask."""
        return self.similarity(self.queries, self.keys)

    @cached_property
    def scores(self) -> Float[Tensor, "*batch query key"]:
        """q.k x scale (soft-capped) + bias; -inf where a key is not allowed."""
        scores = self.products * self.scale
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        if self.bias is not None:
            scores = scores + self.bias
        if isinstance(self.allowed, CausalMask):
            return self.allowed.hide(scores)  # `scores` is new by now, `products` stay
        return scores if self.allowed is None else scores.masked_fill(~self.allowed, -torch.inf)

    @cached_property
    def weights(self) -> Float[Tensor, "*batch query key"]:
        """The scores after the rule, float32 or better; 0 where a key is not allowed. A sink competes like a key."""
        return self.rule.weigh(self.with_sink(self.scores))[..., : self.keys.shape[-2]]

    def outline(self) -> Self:
        """The same shapes around nothing: queries, keys and values that share one number."""
        tensors = {name: getattr(self, name) for name in ("queries", "keys", "values")}
        return replace(self, **{name: one.new_empty(1).expand(one.shape) for name, one in tensors.items()})

    @property
    def open_weights(self) -> Float[Tensor, "*batch query key"]:
        """The weights, NaN where a key is not allowed: to draw the two apart."""
        allowed = self.allowed
        return self.weights if allowed is None else self.weights.masked_fill(~allowed, torch.nan)

    def with_sink(self, scores: Float[Tensor, "*batch query key"]) -> Float[Tensor, "*batch query places"]:
        """The scores with that of the sink after the last key, where there is one."""
        if self.sink is None:
            return scores
        return torch.cat([scores, self.sink[..., None].to(scores.dtype).expand(*scores.shape[:-1], 1)], dim=-1)

    @cached_property
    def output(self) -> Float[Tensor, "*batch query d_value"]:
        """weights @ values. Plain softmax takes torch's fused kernel, which never lays the weights out."""
        if not self.values.shape[-1]:
            raise AttnvizError("values_not_kept")
        if self.rule == Soft() and self.softcap is None and self.sink is None and self.similarity == DOT:
            return self._fused()
        return (self.weights @ self.values.to(self.weights.dtype)).to(self.values.dtype)

    def fits(self, queries: int, keys: int) -> bool:
        """Do all tensors `[head, query, ...]` have the shapes that the class promises, for so many queries and keys?

        Raises `RuntimeError` or `IndexError` where the similarity cannot be computed.
        """
        heads, cells = self.n_heads, (self.n_heads, queries, keys)
        masks = [one for one in (self.allowed, self.bias) if one is not None]
        return (
            self.queries.shape[:-1] == (heads, queries)
            and self.keys.shape[:-1] == self.values.shape[:-1] == (heads, keys)
            and self.similarity(self.queries[:, :0], self.keys[:, :0]).shape == (heads, 0, 0)
            and all(_spreads(one, cells) for one in masks)
            and (self.sink is None or (self.sink.ndim == 2 and _spreads(self.sink, cells[:2])))
            and self.shared >= 1
        )

    def only(self, head: int) -> Self:
        """One head `[query, ...]` of a call whose axes are `[head, query, ...]`."""
        return replace(self, **self._of_head(head))

    def under(self, rule: Rule) -> Self:
        """The same call under another rule. The scores, which no rule changes, are computed once for all rules."""
        other = replace(self, rule=rule)
        vars(other).update(products=self.products, scores=self.scores)
        return other

    def _of_head(self, head: int) -> dict[str, Any]:
        """The fields that are others for one head."""

        def pick(tensor: Tensor | None) -> Tensor | None:
            if tensor is None or tensor.ndim < 3:
                return tensor
            return tensor[head if tensor.shape[-3] > 1 else 0]

        return {
            "queries": self.queries[head], "keys": self.keys[head], "values": self.values[head],
            "allowed": pick(self.allowed), "bias": pick(self.bias), "similarity": self.similarity.only(head),
            "sink": None if self.sink is None else self.sink[head],
        }  # fmt: skip

    def _fused(self) -> Tensor:
        """Softmax attention by torch's kernel; a query that may look at nothing gets 0."""
        whole = isinstance(self.allowed, CausalMask) and self.allowed.first == 0
        if whole and self.bias is None:  # every query sees at least the first key
            return F.scaled_dot_product_attention(
                self.queries, self.keys, self.values, is_causal=True, scale=self.scale
            )  # fmt: skip
        mask = self.allowed
        if self.bias is not None:
            mask = self.bias.to(self.queries.dtype)
            if self.allowed is not None:
                mask = mask.masked_fill(~self.allowed, -torch.inf)
        output = F.scaled_dot_product_attention(self.queries, self.keys, self.values, attn_mask=mask, scale=self.scale)
        if self.allowed is None:
            return output
        return output.masked_fill(~self.allowed.any(-1, keepdim=True), 0.0)


@dataclass(frozen=True)
class Observed(Attention):
    """Weights that a model returned without saying how it came by them: `given` `[head, query, key]`.

    Rules act on their logarithms, which for every rule gives what the scores would have given; queries, keys and values
    have the width 0, products are NaN. A weight of exactly 0 is taken as not allowed.
    """

    given: Float[Tensor, "*batch query key"] = field(kw_only=True)

    @classmethod
    def of(cls, weights: Float[Tensor, "*batch query key"]) -> Observed:
        """Such a call from its weights."""
        queries, keys = (weights.new_zeros(*weights.shape[:-2], weights.shape[axis], 0) for axis in (-2, -1))
        allowed = weights > 0
        return cls(
            queries, keys, keys, Soft(), None if bool(allowed.all()) else allowed, bias=None, scale=1.0, given=weights
        )

    @property
    def explained(self) -> bool:
        return False

    def fits(self, queries: int, keys: int) -> bool:
        return super().fits(queries, keys) and self.given.shape == (self.n_heads, queries, keys)

    @cached_property
    def products(self) -> Float[Tensor, "*batch query key"]:
        return torch.full_like(self.given, torch.nan)

    @cached_property
    def scores(self) -> Float[Tensor, "*batch query key"]:
        return at_least_float32(self.given).log()

    @cached_property
    def weights(self) -> Float[Tensor, "*batch query key"]:
        return at_least_float32(self.given) if self.rule == Soft() else self.rule.weigh(self.scores)

    def _of_head(self, head: int) -> dict[str, Any]:
        return {**super()._of_head(head), "given": self.given[head]}


@dataclass(frozen=True)
class Sampled(Attention):
    """A call whose queries look at a few points of a picture each, which they choose (Zhu et al. 2021, eq. 2).

    A key is learned and stands for the same point of every query; where that lies `places` says, x and y of each
    `[head, query, point, 2]`. What a query takes is read off the picture's features there, so no key has a value:
    asking for the output raises `AttnvizError`.
    """

    places: Float[Tensor, "*batch query key 2"] = field(kw_only=True)

    @classmethod
    def of(cls, call: Attention, places: Float[Tensor, "*batch query key 2"]) -> Sampled:
        """A call with the places of its points."""
        return cls(**{one.name: getattr(call, one.name) for one in fields(Attention)}, places=places)

    def fits(self, queries: int, keys: int) -> bool:
        return super().fits(queries, keys) and self.places.shape == (self.n_heads, queries, keys, 2)

    def _of_head(self, head: int) -> dict[str, Any]:
        return {**super()._of_head(head), "places": self.places[head]}


def attend(
    queries: Float[Tensor, "*batch query d_head"],
    keys: Float[Tensor, "*batch key d_key"],
    values: Float[Tensor, "*batch key d_value"],
    *,
    rule: Rule,
    allowed: Bool[Tensor, "*#batch #query key"] | None = None,
    bias: Float[Tensor, "*#batch #query key"] | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    sink: Float[Tensor, "*#batch #query"] | None = None,
    similarity: Similarity = DOT,
) -> Attention:
    """Who looks at whom, how strongly, and what do they take from it?

    rule(queries keys' x scale + bias) values, after Vaswani et al. 2017, eq. 1. `allowed` is True where a query may
    look at a key; `scale` is 1/sqrt(d_head) unless given. A query that may look at nothing has weights and output 0.
    `softcap` c turns the scaled products x into c tanh(x / c) (Gemma 2, 2024, sec. 2); `sink` is a learned score that
    joins each row and gives no value (gpt-oss, 2025), `[head, 1]` for one a head. `similarity` takes the place of the
    dot product (additive, bilinear, cosine: `similarity.py`); `scale` is then 1 unless given.

    Raises `ValueError` when the shapes do not fit each other.

    >>> one = torch.eye(2)
    >>> attend(one, one, one, rule=Soft(), scale=1.0).weights
    tensor([[0.7311, 0.2689],
            [0.2689, 0.7311]])
    """
    _check(queries, keys, values, similarity)
    if scale is None:
        scale = queries.shape[-1] ** -0.5 if similarity == DOT else 1.0
    return Attention(
        queries, keys, values, rule, allowed, bias, float(scale), softcap, sink, similarity=similarity
    )  # fmt: skip


def _spreads(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Can a tensor be spread out to this shape?"""
    short = len(shape) - tensor.ndim
    return short >= 0 and all(one in (1, most) for one, most in zip(tensor.shape, shape[short:], strict=True))


def _check(queries: Tensor, keys: Tensor, values: Tensor, similarity: Similarity) -> None:
    """Raise ValueError, naming the shapes, unless they fit."""
    widths = similarity.widths
    fits = (
        (queries.shape[-1] == keys.shape[-1] if widths is None else (queries.shape[-1], keys.shape[-1]) == widths)
        and keys.shape[-2] == values.shape[-2]
        and queries.shape[:-2] == keys.shape[:-2] == values.shape[:-2]
    )
    if not fits:
        raise ValueError(
            "attend needs queries [..., query, d], keys [..., key, d] and values [..., key, d_value] with the same "
            f"leading axes; got {tuple(queries.shape)}, {tuple(keys.shape)} and {tuple(values.shape)}"
            + (f" for a similarity of the widths {widths}" if widths else "")
        )
