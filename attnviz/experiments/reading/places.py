"""All places that a prediction may rest on, and the maps of a run as maps between these places, from the lowest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.errors import AttnvizError
from attnviz.measures.reading import (
    closeness_of_heads,
    flow,
    heads_together,
    lengths,
    normed,
    own_parts,
    rows_to_one,
    spread,
)
from attnviz.trace import Trace

Shares = Callable[[Trace, int, slice], tuple[Tensor, Tensor]]  # of some of a map's queries, that stand together
ALL = slice(None)


@dataclass(frozen=True)
class Places:
    """The places of a run: those of its text; in an encoder-decoder those of the source, then those of the target.

    A map `[place, place]` says what the state of each place is made of after one attention: in an encoder's layers the
    target's states stay as they are, in a decoder's those of the source.
    """

    trace: Trace

    @property
    def sources(self) -> int:
        """How many places stand before those of the target; 0 where there is but one text."""
        return len(self.trace.keys) if self.crossed else 0

    @property
    def crossed(self) -> bool:
        """Are there two texts?"""
        return "cross" in self.trace.parts

    @property
    def labels(self) -> tuple[str, ...]:
        """What the places are called."""
        if not self.crossed:
            return tuple(self.trace.tokens)
        cross = self.trace.map("cross")
        return (*cross.key_tokens, *cross.tokens)

    @property
    def own(self) -> str:
        """The map in which the text that is predicted looks at itself."""
        return "decoder" if self.crossed else self.trace.part

    def steps(self) -> Iterator[tuple[Trace, int]]:
        """Map and layer of every attention, in the order in which they are computed.

        Raises `AttnvizError` at a layer without attention, which nobody knows how to follow.
        """
        if self.crossed:
            encoder, decoder, cross = (self.trace.map(part) for part in ("encoder", "decoder", "cross"))
            order = [(encoder, layer) for layer in range(encoder.n_layers)]
            order += [(one, layer) for layer in range(decoder.n_layers) for one in (decoder, cross)]
        else:
            order = [(self.trace, layer) for layer in range(self.trace.n_layers)]
        for one, layer in order:
            one.attention(layer)  # raises at a gap
            yield one, layer

    def maps(self, shares: Shares) -> list[Float[Tensor, "place place"]]:
        """A map for each step, from what `shares` makes of it: `[query, key]`, and `[query]` what the state keeps."""
        return [self._spread(one.part, *shares(one, layer, ALL)) for one, layer in self.steps()]

    def rolled(self, shares: Shares, *at: int) -> Float[Tensor, " place"]:
        """The row of one token in the product of all `maps`, of several their mean; of each map, only queries that it
        reaches are asked for.
        """
        row = self._start(*at)
        for one, layer in reversed(list(self.steps())):
            row = self._below(row, one, layer, shares)
        return row

    def flowed(self, *at: int) -> Float[Tensor, " place"]:
        """How much could flow to one token through the maps by weight, to several in the mean?"""
        maps = self.maps(by_weight)
        return torch.stack([flow(maps, self.place(one), identity=False) for one in at]).mean(0)

    def _start(self, *at: int) -> Float[Tensor, " place"]:
        """A row that is these tokens alone, in equal shares."""
        row = torch.zeros(len(self.labels), dtype=torch.float64)
        row[[self.place(one) for one in at]] = 1 / len(at)
        return row

    def _below(self, row: Float[Tensor, " place"], one: Trace, layer: int, shares: Shares) -> Float[Tensor, " place"]:
        """A row times the map of one step."""
        queries, keys = self._stretches(one.part)
        reached = row[queries].nonzero()[:, 0].tolist()
        if not reached:
            return row
        rows = slice(reached[0], reached[-1] + 1)
        amount = row[queries][rows]
        found, kept = shares(one, layer, rows)
        below = row.clone()
        below[queries][rows] = amount * kept.double()
        below[keys] += amount @ found.double()
        return below

    def _stretches(self, part: str) -> tuple[slice, slice]:
        """Where the queries and the keys of a map stand among all places."""
        source, target = slice(0, self.sources), slice(self.sources, len(self.labels))
        if not self.crossed:
            return target, target
        return (source if part == "encoder" else target), (target if part == "decoder" else source)

    def _spread(
        self, part: str, found: Float[Tensor, "query key"], kept: Float[Tensor, " query"]
    ) -> Float[Tensor, "place place"]:
        """A map between all places of one between those that look and those looked at."""
        queries, keys = self._stretches(part)
        whole = torch.eye(len(self.labels), dtype=torch.float64)
        whole[queries, queries] = torch.diag(kept.double())
        whole[queries, keys] += found.double()
        return whole

    def place(self, at: int) -> int:
        """The number among all places of a token of the text that is predicted."""
        return self.sources + at

    def seen(self, at: int) -> Bool[Tensor, " place"]:
        """Which places can reach the prediction at a token at all, by what is allowed in each layer?"""

        def allowed(one: Trace, layer: int, rows: slice) -> tuple[Tensor, Tensor]:
            found = (one.attention(layer).scores[:, rows] > -torch.inf).any(0).double()
            return found, torch.ones(len(found))

        row = self._start(at)
        for one, layer in reversed(list(self.steps())):
            row = (self._below(row, one, layer, allowed) > 0).double()
        return row > 0

    def direct(self, at: int, rows: Callable[[Trace, int], Tensor]) -> Float[Tensor, " place"]:
        """The mean over the layers of a row `[key]` that `rows` gives, for the token itself; two maps share it."""
        parts = ("cross", "decoder") if self.crossed else (self.trace.part,)
        found = []
        for part in parts:
            one = self.trace.map(part)
            layers = [rows(one, layer).double() for layer in one.open_layers]
            found.append(torch.stack(layers).mean(0) / len(parts))
        return torch.cat(found)


def by_weight(trace: Trace, layer: int, rows: slice = ALL) -> tuple[Tensor, Tensor]:
    """Half of a state is what attention brings, by its weights, and half stays. (Abnar and Zuidema 2020)"""
    mean = heads_together(trace.weights(layer)[:, rows]) / 2
    return mean, torch.full((len(mean),), 0.5, dtype=torch.float64)


@dataclass(frozen=True)
class Pieces:
    """What one attention added to the states, head by head and key by key, not yet weighed; what had been there; all.

    Where a norm stands on the stream, all but the weights have gone through the part of it that is linear, and are to
    be divided by each state's `spread`. `own` is the key that the first query is itself, None across
    two texts.
    """

    weights: Float[Tensor, "head query key"]
    heads: Float[Tensor, "head key width"]
    kept: Float[Tensor, "query width"]
    whole: Float[Tensor, "query width"]
    spread: Float[Tensor, " query"]
    own: int | None

    @classmethod
    def of(cls, trace: Trace, layer: int, rows: slice = ALL) -> Pieces:
        """Those of a layer of a run with its states; through the norm that stands on the stream, where there is one.

        Raises `AttnvizError` where the block is no sum of its heads, where it was added to nothing that could be seen,
        and where the model norms the output before it adds it.
        """
        block, call = trace.block(layer), trace.attention(layer)
        heads, weights = block.transformed(call), call.weights
        if block.entered is None or block.added is None or len(block.entered) != weights.shape[1]:
            raise AttnvizError("residual_not_seen", layer=layer)
        factor = block.factor
        if factor is None:
            raise AttnvizError("output_normed", layer=layer)
        own = None if trace.crossed else rows.indices(weights.shape[1])[0]
        weights, entered = weights[:, rows].to(heads.dtype), block.entered[rows]
        heads, whole = heads if factor == 1 else heads * factor, entered + block.added[rows]
        if block.norm is None or block.normed is None:
            return cls(weights, heads, entered, whole, torch.ones(len(entered)), own)
        by = spread(whole, block.norm).to(heads.dtype)
        whole = block.normed[rows] * by[:, None]
        return cls(weights, normed(heads, block.norm), normed(entered, block.norm), whole, by, own)

    def lengths(self) -> Float[Tensor, "query part"]:
        """How long each part is, what had been there with a query's own or, across two texts, after all keys.

        In units of the stream; the parts are never laid out.
        """
        found = lengths(self.weights, self.heads)
        if self.own is None:
            return torch.cat([found, self.kept.double().norm(dim=-1, keepdim=True)], 1)
        brought = own_parts(self.weights, self.heads, self.own)
        found.diagonal(self.own).copy_((brought + self.kept).double().norm(dim=-1))
        return found

    def closeness(self) -> Float[Tensor, "query part"]:
        """The same of how near each part comes to the sum."""
        return closeness_of_heads(self.weights, self.heads, self.kept, self.whole, self.own)


def split(shares: Float[Tensor, "query part"], crossed: bool) -> tuple[Tensor, Tensor]:
    """Shares of keys, and of what stayed apart from them: none where it is on the diagonal already."""
    if crossed:
        return shares[:, :-1], shares[:, -1]
    return shares, torch.zeros(len(shares), dtype=torch.float64)


def by_length(trace: Trace, layer: int, rows: slice = ALL) -> tuple[Tensor, Tensor]:
    """A state is made of its parts by their lengths, the residual's and the norm's work in. (Kobayashi et al. 2021)"""
    return split(rows_to_one(Pieces.of(trace, layer, rows).lengths()), trace.crossed)


def by_closeness(trace: Trace, layer: int, rows: slice = ALL) -> tuple[Tensor, Tensor]:
    """A state is made of its parts by how near each comes to it. (Ferrando et al. 2022)"""
    return split(rows_to_one(Pieces.of(trace, layer, rows).closeness()), trace.crossed)


def size_of(trace: Trace, layer: int, at: int) -> Float[Tensor, " key"]:
    """How long is what all heads together bring one token from each key? (Kobayashi et al. 2020)"""
    call = trace.attention(layer)
    brought = call.values * call.weights[:, at, :, None].to(call.values.dtype)
    found: Tensor = trace.block(layer).linear_of(call).together(brought).double().norm(dim=-1)
    return found
