"""Two networks that read a history of films: SASRec (Kang and McAuley 2018) and DIN (Zhou et al. 2018).

Both know a film by a vector e: one of its own, the mean of those of its genres, and that of its years. With E those of
a history, the last film seen being the last row:

    SASRec    X = E + P; a layer adds attention of each film to itself and those before, then a small network;
              the score of film i after the last is x.e_i + b_i                            sec. 3, eq. 1 to 6
    DIN       a candidate c asks: w_j = a(e_c, e_j), v = sum of w_j e_j; the score is
              f(v, e_c, v x e_c) + b_c                                                     sec. 4.3, eq. 3

DIN's w_j are not divided by their sum: that they are large says that much of the history speaks for the candidate.
Here a ends in a sigmoid, so that no weight is below 0 or above 1 and each can be drawn as light; the paper ends in a
linear number. With `softmax` they are divided, as in nearly all attention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from attnviz.core.attention import Attention, attend
from attnviz.core.causal import CausalMask
from attnviz.core.gates import Gate
from attnviz.core.rules import Rule, Soft
from attnviz.core.similarity import ActivationUnit

if TYPE_CHECKING:
    from attnviz.systems.recommendation.films import Films

PART = 2_048  # candidates that ask at a time: all with a long history would take gigabytes
Change = Callable[[Attention, int], Attention]  # a call of `attend` as it shall be, in a layer


@dataclass(frozen=True)
class Shape:
    """How large a network is. `kind` is "sasrec", "mean" or "din"; `longest` the films of a history that are read."""

    kind: str
    films: int
    width: int
    longest: int
    layers: int = 2
    heads: int = 2
    hidden: int = 32
    softmax: bool = True
    dropout: float = 0.0


class Table(nn.Module):
    """The vectors of all films: their own, and what their genres and years say, so that a rare film has one too."""

    own: nn.Embedding
    genre_shares: Tensor
    spans: Tensor

    def __init__(self, films: Films, width: int) -> None:
        super().__init__()
        self.own = nn.Embedding(len(films), width)
        self.genres = nn.Parameter(torch.randn(films.genre_shares.shape[1], width) * 0.02)
        self.years = nn.Parameter(torch.randn(films.spans_of_years, width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(len(films)))
        nn.init.normal_(self.own.weight, std=0.02)
        self.register_buffer("genre_shares", films.genre_shares, persistent=False)
        self.register_buffer("spans", films.spans, persistent=False)

    def forward(self, films: Int64[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
        """The vectors of some."""
        vectors: Tensor = self.own(films) + self.genre_shares[films] @ self.genres + self.years[self.spans[films]]
        return vectors

    def all(self) -> Float[Tensor, "film width"]:
        """The vectors of all."""
        return self.own.weight + self.genre_shares @ self.genres + self.years[self.spans]


class Network(Protocol):
    """What both kinds do."""

    shape: Shape
    table: Table


class Layer(nn.Module):
    """One layer of SASRec: attention and a small network, each on the normed states and added to them."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width))
        self.dropout = nn.Dropout(dropout)

    def look(self, states: Float[Tensor, "*batch film width"], rule: Rule) -> Attention:
        """Each film looks at itself and at those before."""
        normed, count = self.before(states), states.shape[-2]
        queries, keys, values = (
            one(normed).unflatten(-1, (self.heads, -1)).transpose(-3, -2) for one in (self.query, self.key, self.value)
        )
        return attend(queries, keys, values, rule=rule, allowed=CausalMask(count, count))

    def after(
        self, states: Float[Tensor, "*batch film width"], looked: Attention
    ) -> Float[Tensor, "*batch film width"]:
        """The states with what was seen, and with what the small network makes of it."""
        states = states + self.dropout(self.out(looked.output.transpose(-3, -2).flatten(-2)))
        added: Tensor = self.dropout(self.inner(self.between(states)))
        return states + added


class SASRec(nn.Module):
    """Self-attention over a history; `kind` "mean" has the mean of the films so far in its place, and no weights."""

    def __init__(self, shape: Shape, films: Films) -> None:
        super().__init__()
        self.shape, self.table = shape, Table(films, shape.width)
        self.places = nn.Parameter(torch.randn(shape.longest, shape.width) * 0.02)
        count = shape.layers if shape.kind == "sasrec" else 0
        self.layers = nn.ModuleList(Layer(shape.width, shape.heads, shape.dropout) for _ in range(count))
        width = shape.width
        inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.inner = inner if shape.kind == "mean" else None
        self.norm, self.dropout = nn.LayerNorm(shape.width), nn.Dropout(shape.dropout)

    @property
    def rule(self) -> Rule:
        """How it learnt to weigh."""
        return Soft()

    def states(
        self, history: Int64[Tensor, "*batch film"], rule: Rule, change: Change | None = None
    ) -> tuple[Float[Tensor, "*batch film width"], tuple[Attention, ...]]:
        """What is known after each film of a history, and the calls of `attend` on the way."""
        states = self.dropout(self.table(history) + self.places[: history.shape[-1]])
        if self.inner is not None:
            looked = alike(states, rule)
            looked = looked if change is None else change(looked, 0)
            mean = looked.output.squeeze(-3)
            return self.norm(mean + self.dropout(self.inner(mean))), (looked,)
        calls = []
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            looked = layer.look(states, rule.at(number))
            looked = looked if change is None else change(looked, number)
            calls.append(looked)
            states = layer.after(states, looked)
        return self.norm(states), tuple(calls)

    def scores(self, states: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch film"]:
        """How likely each film comes next, as logits."""
        return states @ self.table.all().T + self.table.bias


def alike(states: Float[Tensor, "*batch film width"], rule: Rule) -> Attention:
    """Every film gives the same score to itself and all before: under the softmax their mean, and nothing is learnt."""
    values, count = states[..., None, :, :], states.shape[-2]
    none = torch.zeros_like(values[..., :1])
    return attend(none, none, values, rule=rule, allowed=CausalMask(count, count))


class DIN(nn.Module):
    """The candidate asks, the history answers."""

    def __init__(self, shape: Shape, films: Films) -> None:
        super().__init__()
        self.shape, self.table = shape, Table(films, shape.width)
        width, hidden = shape.width, shape.hidden
        self.looking, self.looked_at, self.product = (
            nn.Parameter(torch.randn(hidden, width) * width**-0.5) for _ in range(3)
        )
        self.hidden_bias, self.slope = nn.Parameter(torch.zeros(hidden)), nn.Parameter(torch.full((), 0.25))
        self.vector, self.vector_bias = nn.Parameter(torch.randn(hidden) * 0.1), nn.Parameter(torch.zeros(()))
        self.first = nn.Linear(3 * width, width)
        self.bend, self.second = nn.PReLU(), nn.Linear(width, 1, bias=False)
        self.dropout = nn.Dropout(shape.dropout)

    @property
    def rule(self) -> Rule:
        """How it learnt to weigh."""
        return Soft() if self.shape.softmax else Gate()

    @property
    def unit(self) -> ActivationUnit:
        """The small network a."""
        return ActivationUnit(
            self.looking, self.looked_at, self.product, self.hidden_bias, self.slope, self.vector, self.vector_bias
        )  # fmt: skip

    def look(
        self, candidates: Float[Tensor, "*batch candidate width"], history: Float[Tensor, "*batch film width"],
        rule: Rule, allowed: Tensor | None = None,
    ) -> Attention:  # fmt: skip
        """Each candidate looks at the films of the history."""
        return attend(candidates, history, history, rule=rule, allowed=allowed, similarity=self.unit)

    def judge(
        self, interest: Float[Tensor, "*batch candidate width"], candidates: Float[Tensor, "*batch candidate width"],
        bias: Float[Tensor, "*#batch candidate"],
    ) -> Float[Tensor, "*batch candidate"]:  # fmt: skip
        """The score of each candidate, from what it took of the history."""
        both = torch.cat([interest, candidates, interest * candidates], dim=-1)
        judged: Tensor = self.second(self.dropout(self.bend(self.first(both)))).squeeze(-1)
        return judged + bias

    def over_all(
        self, history: Int64[Tensor, " film"], rule: Rule | None = None, allowed: Bool[Tensor, " film"] | None = None,
        everything: Float[Tensor, "every width"] | None = None,
    ) -> Float[Tensor, " every"]:  # fmt: skip
        """The scores of all films after a history, whose films that are not `allowed` are hidden.

        `everything` are the vectors of all films, where somebody has them.
        """
        found, everything = [], self.table.all() if everything is None else everything
        seen = None if allowed is None else allowed[None]
        for some, bias in zip(everything.split(PART), self.table.bias.split(PART), strict=True):
            looked = self.look(some[None], self.table(history)[None], rule or self.rule, seen)
            found.append(self.judge(looked.output[0], some, bias))
        return torch.cat(found)


def network(shape: Shape, films: Films) -> SASRec | DIN:
    """A network of that shape, its numbers by chance."""
    return DIN(shape, films) if shape.kind == "din" else SASRec(shape, films)
