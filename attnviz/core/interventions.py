"""What can be changed inside a run: the rule, heads, edges, tokens; in all layers or in chosen ones.

An intervention turns one call of `attend` into another before its weights are made, so nothing on the model changes and
no other run is touched. `record` and `generate` take any number of them, applied in order.

Layers, heads and tokens are numbers from 0. In an encoder-decoder the tokens of the source and those of the target are
numbered apart, and `part` ("encoder", "decoder" or "cross") says in which map a change acts:

    part        queries     keys        without `part`
    encoder     source      source      RemoveHeads, KeepHead, Reweigh: all three maps
    decoder     target      target      HideToken: encoder and cross, the two whose keys are the source's tokens
    cross       target      source      ForbidEdge: cross, the map that `record` and `generate` hand back
                                        Restrict: encoder and decoder, whose queries and keys are of one text

A query that is left with nothing to look at has weights and output 0 in that layer: a row that sums to 0, never NaN.
`str(change)` says in a few words what it does, the same from run to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attnviz.core.attention import Attention
from attnviz.core.given import whole, wholes
from attnviz.core.masks import Mask
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, AttnvizError, shown

SOURCE_KEYS = ("self", "encoder", "cross")  # the maps whose keys are the tokens of the text that was given
SOURCE_QUERIES = ("self", "encoder")
FIRST = ("self", "cross")  # the maps that a run hands back first
OWN_TEXT = ("self", "encoder", "decoder")  # the maps in which a text looks at itself


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

    def __post_init__(self) -> None:
        self._keep_numbers("layers", many=True)
        if self.part is not None and not isinstance(self.part, str):
            raise ArgumentError("argument_part", got=shown(self.part))

    def _keep_numbers(self, *names: str, many: bool = False) -> None:
        """Keep fields as whole numbers of Python's own, None as it is. Raises `ArgumentError`."""
        for name in names:
            value = getattr(self, name)
            if value is not None or not many:
                object.__setattr__(self, name, wholes(name, value) if many else whole(name, value))

    def acts(self, part: str, layer: int) -> bool:
        """Does it act there?"""
        return self.meant(part) and (self.layers is None or layer in self.layers)

    def meant(self, part: str) -> bool:
        """Is it a change of this map?"""
        return self.part in (None, part)

    def change(self, call: Attention, place: Place) -> Attention:
        """The call as it shall be; axes `[..., head, position, d]`. `AttnvizError` for a head not there."""
        raise NotImplementedError

    def check(self, queries: int, keys: int) -> None:
        """Raise `AttnvizError` for a token that a map of this size does not have."""

    def __str__(self) -> str:
        where = "" if self.layers is None else f" in {_numbered('layer', self.layers)}"
        return self._what() + where + ("" if self.part is None else f" of {self.part}")

    def _what(self) -> str:
        """What it does, in a few words."""
        return type(self).__name__


@dataclass(frozen=True)
class Reweigh(Intervention):
    """Compute the weights with another rule."""

    rule: Rule

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.rule, Rule):
            raise ArgumentError("argument_rule", name="rule", got=shown(self.rule))

    def change(self, call: Attention, place: Place) -> Attention:
        return replace(call, rule=self.rule.at(place.layer, query=place.first_query))

    def _what(self) -> str:
        return str(self.rule)


@dataclass(frozen=True)
class RemoveHeads(Intervention):
    """Heads bring nothing: their output is 0 before the output projection. (Michel et al. 2019, sec. 2.3)"""

    heads: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "heads", wholes("heads", self.heads))

    def change(self, call: Attention, place: Place) -> Attention:
        return replace(call, values=_without(call.values, self.heads)) if self.heads else call

    def _what(self) -> str:
        return f"remove {_numbered('head', self.heads)}"


@dataclass(frozen=True)
class KeepHead(Intervention):
    """All heads but one bring nothing. (Michel et al. 2019, sec. 3.3)"""

    head: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._keep_numbers("head")

    def change(self, call: Attention, place: Place) -> Attention:
        _check("head", self.head, call.n_heads)
        return replace(call, values=_without(call.values, [head for head in range(call.n_heads) if head != self.head]))

    def _what(self) -> str:
        return f"keep only head {self.head}"


@dataclass(frozen=True)
class ForbidEdge(Intervention):
    """`query` may not look at `key`, in `heads` (None: all); the other keys share its weight.

    The attention knockout of Geva et al. 2023. In an encoder-decoder it acts in the cross map, whose queries are the
    target's tokens and whose keys the source's, unless `part` says otherwise.
    """

    query: int
    key: int
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._keep_numbers("query", "key")
        self._keep_numbers("heads", many=True)

    def meant(self, part: str) -> bool:
        return part in (FIRST if self.part is None else (self.part,))

    def change(self, call: Attention, place: Place) -> Attention:
        heads = range(call.n_heads) if self.heads is None else self.heads
        for head in heads:
            _check("head", head, call.n_heads)
        row, column = self.query - place.first_query, self.key - place.first_key
        queries, keys = call.queries.shape[-2], call.keys.shape[-2]
        if not (0 <= row < queries and 0 <= column < keys):
            return call  # a step of a generation that asks for another query, or whose cache has dropped the key
        forbidden = torch.zeros(call.n_heads, queries, keys, dtype=torch.bool, device=call.keys.device)
        forbidden[list(heads), row, column] = True
        return _forbid(call, forbidden)

    def check(self, queries: int, keys: int) -> None:
        _check("query", self.query, queries)
        _check("key", self.key, keys)

    def _what(self) -> str:
        where = "" if self.heads is None else f" in {_numbered('head', self.heads)}"
        return f"forbid {self.query} to look at {self.key}{where}"


@dataclass(frozen=True)
class HideToken(Intervention):
    """No one looks at token `token`, itself included, as if it were padding. (transformers' attention mask 0)

    Its own query goes on looking, as that of padding does, though no one sees the outcome. In an encoder-decoder it is
    a token of the source, hidden from encoder and decoder alike; of the target with `part="decoder"`; and with
    `part="encoder"` or `part="cross"` it stays visible in the other of the two.
    """

    token: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._keep_numbers("token")

    def meant(self, part: str) -> bool:
        return part in (SOURCE_KEYS if self.part is None else (self.part,))

    def change(self, call: Attention, place: Place) -> Attention:
        keys = call.keys.shape[-2]
        hidden = torch.arange(keys, device=call.keys.device) == self.token - place.first_key
        return _forbid(call, hidden.expand(call.queries.shape[-2], keys))

    def check(self, queries: int, keys: int) -> None:
        _check("key", self.token, keys)

    def _what(self) -> str:
        return f"hide {self.token}"


@dataclass(frozen=True)
class Restrict(Intervention):
    """A query may look only where `mask` allows, and where it was allowed before; the keys that are left share its row.

    What a model with a sparse pattern computes (Child et al. 2019, Beltagy et al. 2020, Zaheer et al. 2020), in a model
    that was not trained with it. In an encoder-decoder it acts in the encoder's and the decoder's own maps, in the
    cross map with `part="cross"` alone, where a distance is one between two texts.
    """

    mask: Mask

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.mask, Mask):
            raise ArgumentError("argument_mask", name="mask", got=shown(self.mask))

    def meant(self, part: str) -> bool:
        return part in (OWN_TEXT if self.part is None else (self.part,))

    def change(self, call: Attention, place: Place) -> Attention:
        queries, keys = call.queries.shape[-2], call.keys.shape[-2]
        allowed = self.mask.allowed(queries, keys, place.first_query, place.first_key)
        return _forbid(call, ~allowed.to(call.keys.device))

    def _what(self) -> str:
        return f"look only where {self.mask}"


def check_tokens(changes: Sequence[Intervention], source: int, target: int | None = None) -> None:
    """Are the tokens that changes name among so many of the source and, in an encoder-decoder, of the target?

    Raises `AttnvizError` for the first that is not, and for two changes that contradict each other.
    """
    if (two := contradiction(changes)) is not None:
        raise AttnvizError("changes_contradict", first=str(changes[two[0]]), second=str(changes[two[1]]))
    for change in changes:
        part = change.part or ("self" if target is None else "cross")
        queries = source if part in SOURCE_QUERIES or target is None else target
        change.check(queries, source if part in SOURCE_KEYS or target is None else target)


def contradiction(changes: Sequence[Intervention]) -> tuple[int, int] | None:
    """Which two of these changes contradict each other, by their places among them? None where none do.

    To keep only a head that another change removes, or to keep only each of two, would leave a layer without any head.
    """
    keeping = [(place, one) for place, one in enumerate(changes) if isinstance(one, KeepHead)]
    for place, kept in keeping:
        for other, change in enumerate(changes):
            gone = isinstance(change, RemoveHeads) and kept.head in change.heads
            another = isinstance(change, KeepHead) and kept.head != change.head
            if (gone or another) and _meet(kept, change):
                return min(place, other), max(place, other)
    return None


def idle(change: Intervention, calls: Sequence[tuple[Place, Attention]]) -> bool:
    """Does a change leave all of these calls of a run as they are? Not allowed is what was not allowed before."""
    return all(change.change(call, place) is call for place, call in calls if change.acts(place.part, place.layer))


def _meet(one: Intervention, other: Intervention) -> bool:
    """Do two changes act in a layer of a map together?"""
    parts = one.part is None or other.part is None or one.part == other.part
    return parts and (one.layers is None or other.layers is None or bool({*one.layers} & {*other.layers}))


def _without(values: Tensor, heads: tuple[int, ...] | list[int]) -> Tensor:
    """Values `[..., head, key, d]` that are 0 for some heads."""
    left = values.clone()
    for head in heads:
        _check("head", head, values.shape[-3])
        left[..., head, :, :] = 0
    return left


def _forbid(call: Attention, forbidden: Tensor) -> Attention:
    """The call with some pairs not allowed; the same call where they were not allowed before."""
    if not bool((forbidden if call.allowed is None else forbidden & call.allowed).any()):
        return call
    return replace(call, allowed=~forbidden if call.allowed is None else call.allowed & ~forbidden)


def _check(what: str, number: int, count: int) -> None:
    """Refuse a number that is not there."""
    if not 0 <= number < count:
        raise AttnvizError(f"no_such_{what}", number=number, last=count - 1)


def _numbered(what: str, numbers: Sequence[int]) -> str:
    """Numbers with the name of what they count: head 2, heads 0, 2."""
    return f"{what}{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers)) or 'none'}"
