"""The network of the forecaster: an encoder reads the past, a decoder asks it once for each coming step, all at once.

    x_t = W [value, seasons, weather]_t + lag_t         one place for each past step; lag_t is learned
    E   = two blocks of self-attention over the past    pre-norm (Xiong et al. 2020), GELU
    y_h = V seasons_h + lead_h                          one place for each coming step; lead_h is learned
    D   = two blocks: self-attention over what comes, cross-attention to E, GELU
    q_h = (m - softplus a, m, m + softplus b)           quantiles 0.1, 0.5, 0.9, which so cannot cross

The values are those of a window less its own mean, over its own spread (Kim et al. 2022, eq. 1), of what is seen of it.
Nothing is written step after step: a coming step knows the others by the decoder's self-attention alone. With `even`
all scores are 0, so that each place takes the mean of all that it may look at: the network without attention.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnviz.core.attention import Attention, attend
from attnviz.core.interventions import Intervention, Place
from attnviz.core.rules import Rule

QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Shape:
    """The sizes of a network: past and coming steps, numbers known of each, width, heads, inner width, blocks.

    With `level` it is told a window's own mean and spread, which a series that grows without end must not be.
    """

    past: int
    ahead: int
    seasons: int
    beside: int
    width: int = 64
    heads: int = 4
    inner: int = 128
    layers: int = 2
    even: bool = False
    level: bool = True
    dropout: float = 0.0


@dataclass(frozen=True)
class Given:
    """What a network is given of some windows: values (0 where not `seen`), what is known of past and coming steps."""

    values: Float[Tensor, "window past"]
    seen: Bool[Tensor, "window past"]
    beside: Float[Tensor, "window past known"]
    seasons: Float[Tensor, "window past season"]
    coming: Float[Tensor, "window ahead season"]


@dataclass
class Way:
    """How a run goes: its rule and its changes; the calls of attention made so far, by map."""

    rule: Rule
    changes: Sequence[Intervention] = ()
    calls: Mapping[str, list[Attention]] = field(default_factory=lambda: {"encoder": [], "decoder": [], "cross": []})

    def through(self, part: str, layer: int, call: Attention) -> Attention:
        """A call as it shall be, kept."""
        for one in self.changes:
            if one.acts(part, layer):
                call = one.change(call, Place(part, layer))
        self.calls[part].append(call)
        return call


class Look(nn.Module):
    """One look of several heads: from places at places."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.even, self.dropout = shape.heads, shape.even, shape.dropout
        self.norm = nn.LayerNorm(shape.width)
        self.layers = nn.ModuleDict(
            {name: nn.Linear(shape.width, shape.width) for name in ("query", "key", "value", "out")}
        )

    def forward(self, asking: Tensor, asked: Tensor | None, allowed: Tensor | None, way: Way, place: Place) -> Tensor:
        """What places take from those that they look at, themselves unless others are `asked`, added to them."""
        normed = self.norm(asking)
        source = normed if asked is None else asked
        query, key, value = (
            self.layers[name](one).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
            for name, one in (("query", normed), ("key", source), ("value", source))
        )
        call = attend(
            query, key, value, rule=way.rule.at(place.layer), allowed=allowed, scale=0.0 if self.even else None
        )
        taken = way.through(place.part, place.layer, call).output.transpose(-3, -2).flatten(-2)
        return asking + F.dropout(self.layers["out"](taken), self.dropout, self.training)


class Think(nn.Module):
    """Two layers over each place alone."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(shape.width), shape.dropout
        self.layers = nn.ModuleList([nn.Linear(shape.width, shape.inner), nn.Linear(shape.inner, shape.width)])

    def forward(self, places: Tensor) -> Tensor:
        inner = F.gelu(self.layers[0](self.norm(places)))
        return places + F.dropout(self.layers[1](inner), self.dropout, self.training)


class Forecaster(nn.Module):
    """Encoder and decoder."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, wide = shape, shape.width
        self.past = nn.Linear(3 + shape.beside + shape.seasons, wide)
        self.coming = nn.Linear(shape.seasons, wide)
        places = waves(shape.past + shape.ahead, wide)
        self.lags, self.leads = nn.Parameter(places[: shape.past].clone()), nn.Parameter(places[shape.past :].clone())
        blocks = range(shape.layers)
        self.encoder = nn.ModuleList([nn.ModuleList([Look(shape), Think(shape)]) for _ in blocks])
        self.decoder = nn.ModuleList([nn.ModuleList([Look(shape), Look(shape), Think(shape)]) for _ in blocks])
        self.remembered, self.said = nn.LayerNorm(wide), nn.LayerNorm(wide)
        self.out = nn.Linear(wide, len(QUANTILES))

    def forward(
        self, given: Given, way: Way
    ) -> tuple[Float[Tensor, "window ahead quantile"], Float[Tensor, "window ahead wide"]]:
        """The quantiles of each coming step in the values' unit, and the states that they were read from."""
        level, spread = scale_of(given.values, given.seen)
        memory = self.read(given, level, spread, way)
        allowed = given.seen[:, None, None, :]
        states = self.coming(given.coming) + self.leads
        for layer, block in enumerate(self.decoder):
            own, cross, think = cast("nn.ModuleList", block)
            states = own(states, None, None, way, Place("decoder", layer))
            states = think(cross(states, memory, allowed, way, Place("cross", layer)))
        states = self.said(states)
        return self.quantiles(states) * spread[..., None] + level[..., None], states

    def read(self, given: Given, level: Tensor, spread: Tensor, way: Way) -> Float[Tensor, "window past wide"]:
        """What the encoder makes of the past."""
        values = ((given.values - level) / spread).masked_fill(~given.seen, 0.0)
        told = 1.0 if self.shape.level else 0.0
        beside = torch.stack([values, *((told * one).expand_as(values) for one in (level, spread.log()))], dim=-1)
        places = self.past(torch.cat([beside, given.beside, given.seasons], dim=-1)) + self.lags
        allowed = given.seen[:, None, None, :]
        for layer, block in enumerate(self.encoder):
            look, think = cast("nn.ModuleList", block)
            places = think(look(places, None, allowed, way, Place("encoder", layer)))
        found: Tensor = self.remembered(places)
        return found

    def quantiles(self, states: Float[Tensor, "*window ahead wide"]) -> Float[Tensor, "*window ahead quantile"]:
        """The quantiles that states stand for, in the scale of their window."""
        below, middle, above = self.out(states).unbind(-1)
        return torch.stack([middle - F.softplus(below), middle, middle + F.softplus(above)], dim=-1)


def waves(steps: int, width: int) -> Float[Tensor, "step wide"]:
    """Where each of some steps is, as sines and cosines of wavelengths from 4 steps to four times all of them.

    What positions are before they are learnt: how far apart two are shows in their product (Vaswani et al. 2017, 3.5).
    """
    lengths = 4.0 * steps ** torch.linspace(0, 1, width // 2)
    turns = 2 * math.pi * torch.arange(steps)[:, None] / lengths
    return torch.cat([turns.sin(), turns.cos()], dim=-1)


LEAST_SPREAD = 0.2  # of what the network is given; a series that stands still has none of its own


def scale_of(
    values: Float[Tensor, "*window past"], seen: Bool[Tensor, "*window past"]
) -> tuple[Float[Tensor, "*window 1"], Float[Tensor, "*window 1"]]:
    """The mean and the deviation of what is seen of a window, the latter at least `LEAST_SPREAD`."""
    count = seen.sum(-1, keepdim=True).clamp_min(1)
    level = values.masked_fill(~seen, 0.0).sum(-1, keepdim=True) / count
    square = (values - level).masked_fill(~seen, 0.0).square().sum(-1, keepdim=True) / count
    return level, square.sqrt().clamp_min(LEAST_SPREAD)


def pinball(said: Float[Tensor, "*place quantile"], truth: Float[Tensor, "*place"]) -> Float[Tensor, "*place quantile"]:
    """How wrong quantiles are: q (y - s) where the truth y lies above what was said, (1 - q) (s - y) below.

    Koenker and Bassett 1978. Half the absolute error for the median.

    >>> pinball(torch.tensor([1.0, 2.0, 3.0]), torch.tensor(4.0))
    tensor([0.3000, 1.0000, 0.9000])
    """
    off = truth[..., None] - said
    share = torch.tensor(QUANTILES)
    return torch.maximum(share * off, (share - 1) * off)
