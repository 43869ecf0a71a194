"""A plain transformer encoder in which only the way it is told positions varies.

Normalisation before each block (Xiong et al. 2020), GELU, the output embedding tied to the input's; every attention is
`attend`. Five encodings (`positions.py`): "none"; "sinusoidal" and "learned" are added to the embedding, "rotary" turns
queries and keys, "alibi" is a bias on the scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnviz.core import positions as say_where
from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule, Soft
from attnviz.systems.positions import ENCODINGS

ADDED = ("sinusoidal", "learned")


@dataclass(frozen=True)
class Shape:
    """The encoder's size; `longest` is how many positions the learned table has."""

    encoding: str
    vocabulary: int
    layers: int = 3
    heads: int = 4
    width: int = 128
    inner: int = 384
    longest: int = 256
    init: float = 0.06

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise ValueError(f"an encoding of positions is one of {', '.join(ENCODINGS)}; got {self.encoding!r}")


class Block(nn.Module):
    """Attention, then a small network, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.encoding = shape.heads, shape.encoding
        self.attention_norm, self.inner_norm = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.looking = nn.Linear(shape.width, 3 * shape.width, bias=False)  # queries, keys, values
        self.taking = nn.Linear(shape.width, shape.width, bias=False)
        self.inner = nn.Sequential(nn.Linear(shape.width, shape.inner), nn.GELU(), nn.Linear(shape.inner, shape.width))

    def look(
        self, states: Tensor, where: Tensor | None, bias: Tensor | None, allowed: Tensor | None, rule: Rule
    ) -> Attention:
        """The layer's attention [*, head, position, d_head]; `where` [*, position] are the positions, None: unsaid."""
        split: Tensor = self.looking(self.attention_norm(states)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.movedim(-3, 0).transpose(-3, -2)  # each [*, head, position, d_head]
        if self.encoding == "rotary" and where is not None:
            queries, keys = (say_where.rotary(one, where[..., None, :]) for one in (queries, keys))
        return attend(queries, keys, values, rule=rule, allowed=allowed, bias=bias)

    def forward(self, states: Tensor, attention: Attention) -> Tensor:
        """The states [*, position, width] after what the heads took from each other, and the inner network."""
        taken = attention.output.transpose(-3, -2).flatten(-2)  # [*, position, width]
        states = states + self.taking(taken)
        done: Tensor = states + self.inner(self.inner_norm(states))
        return done


class Encoder(nn.Module):
    """Tokens and their positions to states [*, position, width]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.table = nn.Embedding(shape.longest, shape.width) if shape.encoding == "learned" else None
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)

    def embedded(self, ids: Int[Tensor, "*batch position"], where: Tensor | None) -> Tensor:
        """What the first layer reads: sqrt(width) E[token], plus the position's vector where one is added."""
        states: Tensor = self.tokens(ids)
        scale = math.sqrt(self.shape.width)  # as in Vaswani et al. 2017, sec. 3.4, so that both parts are of one size
        if where is None or self.shape.encoding not in ADDED:
            return states * scale
        return states * scale + self.added(where).to(states.dtype)

    def added(self, where: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
        """The vector that is added at each position. Raises `ValueError` for an encoding that adds none."""
        if self.shape.encoding == "sinusoidal":
            return say_where.sinusoidal(where, self.shape.width)
        if self.table is None:
            raise ValueError(f"{self.shape.encoding} adds nothing to the embedding")
        return say_where.learned(self.table.weight, where) * math.sqrt(self.shape.width)

    def forward(
        self,
        ids: Int[Tensor, "*batch position"],
        where: Int[Tensor, "*batch position"] | None,
        allowed: Bool[Tensor, "*batch query key"] | None = None,
        rule: Rule | None = None,
        keep: Callable[[Attention], None] | None = None,
    ) -> Tensor:
        """States [*, position, width]. `where` None says no positions; `keep` is given the attention of each layer."""
        bias = None
        if self.shape.encoding == "alibi" and where is not None:
            bias = say_where.alibi(self.shape.heads, where, where).to(self.tokens.weight.dtype)
        states = self.embedded(ids, where)
        over_heads = None if allowed is None else allowed[..., None, :, :]
        for number, layer in enumerate(self.layers):
            chosen = (rule or Soft()).at(number)
            attention = layer.look(states, where, bias, over_heads, chosen)  # type: ignore[operator]
            if keep is not None:
                keep(attention)
            states = layer(states, attention)
        return self.norm(states)  # type: ignore[no-any-return]


class Network(nn.Module):
    """The encoder with its two tasks: fill the blanks, and say where words begin."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.head = nn.Sequential(nn.Linear(shape.width, shape.width), nn.GELU(), nn.LayerNorm(shape.width))
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary))
        self.boundary = nn.Linear(shape.width, 2)
        for part in self.modules():
            if isinstance(part, (nn.Linear, nn.Embedding)):
                nn.init.normal_(part.weight, std=shape.init)
            if isinstance(part, nn.Linear) and part.bias is not None:
                nn.init.zeros_(part.bias)

    def filled(self, states: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch vocabulary"]:
        """Logits over the vocabulary, by the same embedding that reads the tokens."""
        return nn.functional.linear(self.head(states), self.encoder.tokens.weight, self.bias)

    def begins(self, states: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch"]:
        """The probability that a word begins at each token."""
        return torch.softmax(self.boundary(states), dim=-1)[..., 1]
