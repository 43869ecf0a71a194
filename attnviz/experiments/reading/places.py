"""All places that a prediction may rest on, and the maps of a run as maps between these places, from the lowest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.errors import AttnvizError
from attnviz.measures.reading import contributions, heads_together, lengths, normed, rows_to_one, spread
from attnviz.trace import Trace

Shares = Callable[[Trace, int], tuple[Tensor, Tensor]]


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
        return [self._spread(one.part, *shares(one, layer)) for one, layer in self.steps()]

    def _spread(
        self, part: str, found: Float[Tensor, "query key"], kept: Float[Tensor, " query"]
    ) -> Float[Tensor, "place place"]:
        """A map between all places of one between those that look and those looked at."""
        if not self.crossed:
            return found.double() + torch.diag(kept.double())
        count, first = len(self.labels), 0 if part == "encoder" else self.sources
        columns = self.sources if part == "decoder" else 0
        whole = torch.eye(count, dtype=torch.float64)
        rows = torch.arange(len(found)) + first
        whole[rows, rows] = kept.double()
        whole[first : first + len(found), columns : columns + found.shape[1]] += found.double()
        return whole

    def place(self, at: int) -> int:
        """The number among all places of a token of the text that is predicted."""
        return self.sources + at

    def seen(self, at: int) -> Bool[Tensor, " place"]:
        """Which places can reach the prediction at a token at all, by what is allowed in each layer?"""

        def allowed(one: Trace, layer: int) -> tuple[Tensor, Tensor]:
            call = one.attention(layer)
            return (call.scores > -torch.inf).any(0).double(), torch.ones(call.queries.shape[-2])

        reached = torch.zeros(len(self.labels), dtype=torch.float64)
        reached[self.place(at)] = 1
        for one in reversed(self.maps(allowed)):
            reached = (reached @ one > 0).double()
        return reached > 0

    def direct(self, at: int, rows: Callable[[Trace, int], Tensor]) -> Float[Tensor, " place"]:
        """The mean over the layers of a row `[key]` that `rows` gives, for the token itself; two maps share it."""
        parts = ("cross", "decoder") if self.crossed else (self.trace.part,)
        found = []
        for part in parts:
            one = self.trace.map(part)
            layers = [rows(one, layer).double() for layer in one.open_layers]
            found.append(torch.stack(layers).mean(0) / len(parts))
        return torch.cat(found)


def by_weight(trace: Trace, layer: int) -> tuple[Tensor, Tensor]:
    """Half of a state is what attention brings, by its weights, and half stays. (Abnar and Zuidema 2020)"""
    mean = heads_together(trace.weights(layer)) / 2
    return mean, torch.full((len(mean),), 0.5, dtype=torch.float64)


@dataclass(frozen=True)
class Pieces:
    """What one attention added to the states, head by head and key by key, not yet weighed; what had been there; all.

    Where a norm stands on the stream, heads and what had been there have gone through the part of it that is linear,
    and are to be divided by each state's `spread`; `whole` is what the norm made of the sum.
    """

    weights: Float[Tensor, "head query key"]
    heads: Float[Tensor, "head key width"]
    kept: Float[Tensor, "query width"]
    whole: Float[Tensor, "query width"]
    spread: Float[Tensor, " query"]

    @classmethod
    def of(cls, trace: Trace, layer: int) -> Pieces:
        """Those of a layer of a run with its states; through the norm that stands on the stream, where there is one.

        Raises `AttnvizError` where the block is no sum of its heads, where it was added to nothing that could be seen,
        and where the model norms the output before it adds it.
        """
        block, call = trace.block(layer), trace.attention(layer)
        heads, weights = block.transformed(call).double(), call.weights
        if block.entered is None or block.added is None or len(block.entered) != weights.shape[1]:
            raise AttnvizError("residual_not_seen", layer=layer)
        factor = block.factor
        if factor is None:
            raise AttnvizError("output_normed", layer=layer)
        entered = block.entered.double()
        heads, whole = heads * factor, entered + block.added.double()
        if block.norm is None or block.normed is None:
            return cls(weights, heads, entered, whole, torch.ones(len(entered), dtype=torch.float64))
        heads, entered = normed(heads, block.norm), normed(entered, block.norm)
        return cls(weights, heads, entered, block.normed.double(), spread(whole, block.norm))

    def lengths(self, crossed: bool) -> Float[Tensor, "query part"]:
        """How long each part is, with what had been there as in `Parts.joined`; the parts are never laid out."""
        found = lengths(self.weights, self.heads)
        if crossed:
            found = torch.cat([found, self.kept.norm(dim=-1, keepdim=True)], 1)
        else:
            own = torch.einsum("hq,hqw->qw", self.weights.double().diagonal(dim1=1, dim2=2), self.heads)
            found = found.diagonal_scatter((own + self.kept).norm(dim=-1))
        return found / self.spread[:, None]


@dataclass(frozen=True)
class Parts:
    """What one attention added to the states, as vectors of each key, and what had been there; the sum of all."""

    vectors: Float[Tensor, "query key width"]
    kept: Float[Tensor, "query width"]
    whole: Float[Tensor, "query width"]

    @classmethod
    def of(cls, trace: Trace, layer: int) -> Parts:
        """Those of a layer, from its `Pieces`; raises what these raise."""
        found = Pieces.of(trace, layer)
        by = found.spread[:, None]
        # divided before they are put together: weights are fewer than vectors
        return cls(contributions(found.weights.double() / by, found.heads), found.kept / by, found.whole)

    def joined(self, crossed: bool) -> Float[Tensor, "query part width"]:
        """The vectors with what had been there: on the diagonal where a text looks at itself, else after them."""
        if crossed:
            return torch.cat([self.vectors, self.kept[:, None]], 1)
        places = torch.arange(len(self.kept))
        found = self.vectors.clone()
        found[places, places] += self.kept
        return found


def split(shares: Float[Tensor, "query part"], crossed: bool) -> tuple[Tensor, Tensor]:
    """Shares of keys, and of what stayed apart from them: none where it is on the diagonal already."""
    if crossed:
        return shares[:, :-1], shares[:, -1]
    return shares, torch.zeros(len(shares), dtype=torch.float64)


def by_length(trace: Trace, layer: int) -> tuple[Tensor, Tensor]:
    """A state is made of its parts by their lengths, the residual's and the norm's work in. (Kobayashi et al. 2021)"""
    return split(rows_to_one(Pieces.of(trace, layer).lengths(trace.crossed)), trace.crossed)


def size_of(trace: Trace, layer: int, at: int) -> Float[Tensor, " key"]:
    """How long is what all heads together bring one token from each key? (Kobayashi et al. 2020)"""
    call = trace.attention(layer)
    return lengths(call.weights[:, at : at + 1], trace.block(layer).transformed(call))[0]
