"""What can be changed inside a run: the rule, heads, edges, tokens; in all layers or in chosen ones.

An intervention turns one call of `attend` into another before its weights are made, so nothing on the model changes and
no other run is touched. `record` and `generate` take any number of them, applied in order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attnviz.attention import Attention
from attnviz.errors import AttnvizError
from attnviz.rules import Rule

SOURCE_KEYS = ("self", "encoder", "cross")  # the maps whose keys are the tokens of the text that was given


@dataclass(frozen=True)
class Place:
    """Where a call stands in a run: map, layer, and the numbers of its first query and first key among the tokens.

    The two are not 0 in the steps of a generation, whose keys come from a cache that may have dropped the oldest.
    """

    part: str
    layer: int
    first_query: int = 0
    first_key: int = 0


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One change: in `layers` (None: all) of the map `part` (None: every map where it has a meaning)."""

    layers: tuple[int, ...] | None = None
    part: str | None = None

    def acts(self, part: str, layer: int) -> bool:
        """Does it act there?"""
        return self.part in (None, part) and (self.layers is None or layer in self.layers)

    def change(self, call: Attention, place: Place) -> Attention:
        """The call as it shall be; axes `[..., head, position, d]`. `AttnvizError` for a head not there."""
        raise NotImplementedError

    def check(self, queries: int, keys: int) -> None:
        """Raise `AttnvizError` for a token that a map of this size does not have."""

    def check_layers(self, layers: int) -> None:
        """Raise `AttnvizError` for a layer that a map of this depth does not have."""
        for layer in self.layers or ():
            _check("layer", layer, layers)


@dataclass(frozen=True)
class Reweigh(Intervention):
    """Compute the weights with another rule."""

    rule: Rule

    def change(self, call: Attention, place: Place) -> Attention:
        return replace(call, rule=self.rule.at(place.layer))


@dataclass(frozen=True)
class RemoveHeads(Intervention):
    """Heads bring nothing: their output is 0 before the output projection. (Michel et al. 2019, sec. 2.3)"""

    heads: tuple[int, ...]

    def change(self, call: Attention, place: Place) -> Attention:
        return replace(call, values=_without(call.values, self.heads))


@dataclass(frozen=True)
class KeepHead(Intervention):
    """All heads but one bring nothing. (Voita et al. 2019; Michel et al. 2019, sec. 3.3)"""

    head: int

    def change(self, call: Attention, place: Place) -> Attention:
        _check("head", self.head, call.n_heads)
        return replace(call, values=_without(call.values, [head for head in range(call.n_heads) if head != self.head]))


@dataclass(frozen=True)
class ForbidEdge(Intervention):
    """`query` may not look at `key`, in `heads` (None: all); the other keys share its weight."""

    query: int
    key: int
    heads: tuple[int, ...] | None = None

    def change(self, call: Attention, place: Place) -> Attention:
        row, column = self.query - place.first_query, self.key - place.first_key
        queries, keys = call.queries.shape[-2], call.keys.shape[-2]
        if not (0 <= row < queries and 0 <= column < keys):
            return call  # a step of a generation that asks for another query
        forbidden = torch.zeros(call.n_heads, queries, keys, dtype=torch.bool, device=call.keys.device)
        for head in range(call.n_heads) if self.heads is None else self.heads:
            _check("head", head, call.n_heads)
            forbidden[head, row, column] = True
        return _forbid(call, forbidden)

    def check(self, queries: int, keys: int) -> None:
        _check("query", self.query, queries)
        _check("key", self.key, keys)


@dataclass(frozen=True)
class HideToken(Intervention):
    """No one looks at token `token`, itself included, as if it were padding. (transformers' attention mask 0)

    In an encoder-decoder it is a token of the source; of the target with `part="decoder"`.
    """

    token: int

    def acts(self, part: str, layer: int) -> bool:
        meant = SOURCE_KEYS if self.part is None else (self.part,)
        return part in meant and (self.layers is None or layer in self.layers)

    def change(self, call: Attention, place: Place) -> Attention:
        keys = call.keys.shape[-2]
        hidden = torch.arange(keys, device=call.keys.device) == self.token - place.first_key
        return _forbid(call, hidden.expand(call.queries.shape[-2], keys))

    def check(self, queries: int, keys: int) -> None:
        _check("key", self.token, keys)


def _without(values: Tensor, heads: tuple[int, ...] | list[int]) -> Tensor:
    """Values `[..., head, key, d]` that are 0 for some heads."""
    left = values.clone()
    for head in heads:
        _check("head", head, values.shape[-3])
        left[..., head, :, :] = 0
    return left


def _forbid(call: Attention, forbidden: Tensor) -> Attention:
    """The call with some pairs not allowed."""
    return replace(call, allowed=~forbidden if call.allowed is None else call.allowed & ~forbidden)


def _check(what: str, number: int, count: int) -> None:
    """Refuse a number that is not there."""
    if not 0 <= number < count:
        raise AttnvizError(f"no_such_{what}", number=number, last=count - 1)
