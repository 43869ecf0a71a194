"""Graph attention networks: GAT (Veličković et al. 2018) and GATv2 (Brody et al. 2022), layer by layer.

A node i looks at every j with an edge j -> i, and at itself. With h the states that come in:

    GAT     e_ij = LeakyReLU(a.[W h_i || W h_j]), values W h_j                             eq. 1 to 4
    GATv2   e_ij = a.LeakyReLU(W_l h_i + W_r h_j), values W_r h_j                          Brody et al., eq. 7

and the weights are the softmax of e_ij over j. Each layer can be computed in two ways that give the same numbers:
`look` hands all pairs to `attend`, with the edges as the mask, for pictures and for every rule; `along` computes
only the pairs that are edges, with the softmax, for training and for large graphs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule
from attnviz.core.similarity import Joined, Leaky, Similarity

SLOPE = 0.2  # of LeakyReLU, as in both papers
VERSIONS = (1, 2)  # GAT, GATv2


@dataclass(frozen=True)
class Shape:
    """How large a network is. `version` is 1 for GAT and 2 for GATv2; `hidden` is the width of each head of layer 0."""

    features: int
    hidden: int
    heads: int
    classes: int
    version: int
    dropout: float = 0.0


@dataclass(frozen=True, eq=False)
class Bag:
    """Features of which most are 0: node i has `values` in the columns `columns`, from its place in `start` on."""

    columns: Int64[Tensor, " entry"]
    values: Float[Tensor, " entry"]
    start: Int64[Tensor, " node"]
    width: int

    @classmethod
    def of(cls, table: Float[Tensor, "node width"]) -> Bag:
        """The same features as a table."""
        rows, columns = table.nonzero(as_tuple=True)
        start = torch.searchsorted(rows, torch.arange(len(table)))
        return cls(columns, table[rows, columns], start, table.shape[1])

    def __len__(self) -> int:
        return len(self.start)

    def table(self, nodes: Int64[Tensor, " some"]) -> Float[Tensor, "some width"]:
        """The features of some nodes, the zeros written out."""
        found = torch.zeros(len(nodes), self.width)
        ends = torch.cat([self.start[1:], torch.tensor([len(self.columns)])])
        for row, node in enumerate(nodes.tolist()):
            entries = slice(int(self.start[node]), int(ends[node]))
            found[row, self.columns[entries]] = self.values[entries]
        return found

    def dropped(self, share: float, chance: torch.Generator | None) -> Bag:
        """The features after dropout; zeros stay zeros."""
        return replace(self, values=dropped(self.values, share, chance))

    def through(self, linear: nn.Linear) -> Float[Tensor, "node wide"]:
        """What a linear layer makes of them."""
        found = F.embedding_bag(
            self.columns, linear.weight.T, self.start, mode="sum", per_sample_weights=self.values
        )  # fmt: skip
        return found if linear.bias is None else found + linear.bias


def dropped(numbers: Tensor, share: float, chance: torch.Generator | None) -> Tensor:
    """Dropout, from a generator of its own where one is given: others may draw at the same time."""
    if not share:
        return numbers
    if chance is None:
        return F.dropout(numbers, share)
    kept = torch.rand(numbers.shape, generator=chance) >= share
    return numbers * kept / (1 - share)


States = Float[Tensor, "*batch node width"] | Bag


class Look(nn.Module):
    """One layer: `heads` heads of the width `wide` over states of the width `width`."""

    def __init__(self, width: int, wide: int, heads: int, version: int, chance: torch.Generator | None = None) -> None:
        super().__init__()
        if version not in VERSIONS:
            raise ValueError(f"a version is one of {VERSIONS}, not {version!r}")
        self.heads, self.wide, self.version = heads, wide, version
        self.key = nn.Linear(width, heads * wide, bias=version == 2)
        self.query = nn.Linear(width, heads * wide) if version == 2 else None
        self.vector = nn.Parameter(torch.empty(heads, wide))  # v of GAT's a = [u || v]; the a of GATv2
        self.query_vector = nn.Parameter(torch.empty(heads, wide)) if version == 1 else None
        self.bias = nn.Parameter(torch.zeros(heads * wide))
        for one in (self.key, self.query):
            if one is not None:
                nn.init.xavier_uniform_(one.weight, generator=chance)
                if one.bias is not None:
                    nn.init.zeros_(one.bias)
        for vectors in (self.vector, self.query_vector):
            if vectors is not None:
                nn.init.xavier_uniform_(vectors, generator=chance)

    @property
    def similarity(self) -> Similarity:
        """How a node that looks and a node that is looked at are compared."""
        if self.query_vector is not None:
            return Joined(self.query_vector, self.vector, SLOPE)
        return Leaky(self.vector, SLOPE)

    def sides(
        self, states: States
    ) -> tuple[Float[Tensor, "*batch node head wide"], Float[Tensor, "*batch node head wide"]]:
        """Queries, and keys, which are the values as well."""
        keys, queries = (
            None if one is None else states.through(one) if isinstance(states, Bag) else one(states)
            for one in (self.key, self.query)
        )
        assert keys is not None
        split = keys.unflatten(-1, (self.heads, self.wide))
        return split if queries is None else queries.unflatten(-1, (self.heads, self.wide)), split

    def look(
        self, states: Float[Tensor, "*batch node width"], allowed: Bool[Tensor, "node node"], rule: Rule
    ) -> Attention:
        """All pairs at once: `allowed[i, j]` where there is an edge j -> i. Heads stand before the nodes."""
        queries, keys = (one.transpose(-3, -2) for one in self.sides(states))
        return attend(queries, keys, keys, rule=rule, allowed=allowed, similarity=self.similarity)

    def scores(
        self, states: States, edges: Int64[Tensor, "2 edge"]
    ) -> tuple[Float[Tensor, "edge head"], Float[Tensor, "node head wide"]]:
        """The scores of edges (from, to), and the values of all nodes."""
        queries, keys = self.sides(states)
        source, target = edges
        if self.query_vector is not None:
            looking, looked_at = (queries * self.query_vector).sum(-1), (keys * self.vector).sum(-1)
            return F.leaky_relu(looking[target] + looked_at[source], SLOPE), keys
        return (F.leaky_relu(queries[target] + keys[source], SLOPE) * self.vector).sum(-1), keys

    def along(
        self, states: States, edges: Int64[Tensor, "2 edge"], dropout: float = 0.0,
        chance: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "node wide_heads"], Float[Tensor, "edge head"]]:  # fmt: skip
        """Only the edges (from, to), under the softmax: the outputs with the bias, heads side by side, and weights."""
        scores, values = self.scores(states, edges)
        weights = softmax_over_incoming(scores, edges[1], len(states))
        return self.gathered(values, edges, dropped(weights, dropout, chance)), weights

    def gathered(
        self, values: Float[Tensor, "node head wide"], edges: Int64[Tensor, "2 edge"],
        weights: Float[Tensor, "edge head"],
    ) -> Float[Tensor, "node wide_heads"]:  # fmt: skip
        """What each node takes along its incoming edges at these weights, with the bias."""
        taken = values[edges[0]] * weights[..., None]
        outputs = torch.zeros_like(values).index_add(0, edges[1], taken)
        return outputs.flatten(-2) + self.bias

    def after(self, output: Float[Tensor, "*batch head node wide"]) -> Float[Tensor, "*batch node wide_heads"]:
        """The outputs of `look`, heads side by side, with the bias."""
        joined: Tensor = output.transpose(-3, -2).flatten(-2) + self.bias
        return joined


def softmax_over_incoming(
    scores: Float[Tensor, "edge head"], target: Int64[Tensor, " edge"], nodes: int
) -> Float[Tensor, "edge head"]:
    """The softmax over the edges that come into the same node."""
    index = target[:, None].expand_as(scores)
    top = scores.new_full((nodes, scores.shape[1]), -torch.inf).scatter_reduce(0, index, scores.detach(), "amax")
    powers = (scores - top[target]).exp()
    total = torch.zeros_like(top).index_add(0, target, powers)
    return powers / total[target]


class Network(nn.Module):
    """Two layers: `heads` heads side by side and ELU, then one head whose outputs are the scores of the classes."""

    def __init__(self, shape: Shape, chance: torch.Generator | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.first = Look(shape.features, shape.hidden, shape.heads, shape.version, chance)
        self.second = Look(shape.hidden * shape.heads, shape.classes, 1, shape.version, chance)

    def along(
        self, features: Bag, edges: Int64[Tensor, "2 edge"], chance: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "node class"], list[Float[Tensor, "edge head"]]]:
        """Scores of the classes, and both layers' weights of the edges, computed along edges alone.

        While it is trained there is dropout on features, states and weights, drawn from `chance` where that is given.
        """
        share = self.shape.dropout if self.training else 0.0
        states, first = self.first.along(features.dropped(share, chance), edges, share, chance)
        logits, second = self.second.along(dropped(F.elu(states), share, chance), edges, share, chance)
        return logits, [first, second]
