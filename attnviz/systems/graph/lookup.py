"""The dictionary look-up of Brody et al. 2022, sec. 4.1: what GAT cannot learn, and GATv2 can.

A complete bipartite graph: each of n query nodes has an edge from each of n key nodes. A key node holds a number and a
value, a query node a number alone, and has to tell the value of the key node of its own number. The values are dealt
out anew in every graph, n of 2 n, all different: were all of them dealt, a query could tell its own as the one that it
misses among the others. So nothing but looking at the right node helps. One layer of one head, in both.

GAT ranks the keys alike for every query (its score is LeakyReLU(u.q + v.k), which rises with v.k whatever q is), so at
best one query in n finds its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from attnviz.axes import Nodes
from attnviz.core.adam import Adam
from attnviz.core.attention import Attention
from attnviz.core.rules import Soft
from attnviz.systems.graph.network import Look
from attnviz.trace import Trace

KEYS = 8
MODELS = {1: "GAT", 2: "GATv2"}
WIDTH = 32
STEPS, FRAME, GRAPHS, RATE = 240, 24, 16, 1e-2
KEPT = 64  # graphs that are asked at the end and never trained on


class Dictionary(nn.Module):
    """Numbers and values as vectors that are added, one layer of one head, and the scores of the values."""

    def __init__(self, keys: int, version: int, chance: torch.Generator) -> None:
        super().__init__()
        self.keys = keys
        self.number, self.value = (
            nn.Parameter(torch.randn(many, WIDTH, generator=chance) / WIDTH**0.5) for many in (keys, 2 * keys)
        )
        self.look = Look(WIDTH, WIDTH, 1, version, chance)
        self.said = nn.Linear(WIDTH, 2 * keys, bias=False)
        nn.init.xavier_uniform_(self.said.weight, generator=chance)

    def forward(self, values: Int64[Tensor, "graph key"]) -> tuple[Attention, Float[Tensor, "graph key value"]]:
        """The call over all 2 n nodes, queries first, and what each query tells. `values` are those of the keys."""
        queries = self.number.expand(len(values), -1, -1)
        states = torch.cat([queries, queries + self.value[values]], dim=1)
        found = self.look.look(states, allowed(self.keys), Soft())
        return found, self.said(self.look.after(found.output)[:, : self.keys])


def allowed(keys: int) -> Bool[Tensor, "node node"]:
    """Queries 0 to n - 1 may look at the keys n to 2 n - 1, and every node at itself."""
    found = torch.eye(2 * keys, dtype=torch.bool)
    found[:keys, keys:] = True
    return found


@dataclass(frozen=True, eq=False)
class Tried:
    """How far one is: steps done, the share of right answers on graphs kept from training, and one graph's queries."""

    step: int
    right: float
    trace: Trace


def trained(version: int, seed: int, keys: int = KEYS, steps: int = STEPS, frame: int = FRAME) -> Iterator[Tried]:
    """Train GAT (`version` 1) or GATv2 (2) on such graphs: a try before the first step, and after every `frame`."""
    chance, other = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1_000_003)
    network = Dictionary(keys, version, chance)
    kept = dealt(KEPT, keys, other)
    adam = Adam(network.parameters(), RATE)
    for step in range(0, steps + 1, frame):
        yield _tried(network, kept, step)
        for _ in range(frame if step < steps else 0):
            values = dealt(GRAPHS, keys, chance)
            adam.descend(F.cross_entropy(network(values)[1].flatten(0, 1), values.flatten()))


def dealt(graphs: int, keys: int, chance: torch.Generator) -> Int64[Tensor, "graph key"]:
    """The values of each graph's keys: n different ones of 2 n."""
    return torch.stack([torch.randperm(2 * keys, generator=chance)[:keys] for _ in range(graphs)])


@torch.no_grad()
def _tried(network: Dictionary, kept: Int64[Tensor, "graph key"], step: int) -> Tried:
    """What it can so far."""
    found, logits = network(kept)
    right = float((logits.argmax(-1) == kept).double().mean())
    one = Attention(
        found.queries[0, :, : network.keys], found.keys[0], found.values[0], found.rule,
        allowed(network.keys)[: network.keys], None, found.scale,
        similarity=copy.deepcopy(network.look).requires_grad_(False).similarity,  # the network goes on learning
    )  # fmt: skip
    names = named(kept[0])
    queries, keys = Nodes(names[: network.keys]), Nodes(names)
    trace = Trace(queries, keys, (one,), kind="graph", model=MODELS[network.look.version], part="cross")
    return Tried(step, right, trace)


def named(values: Int64[Tensor, " key"]) -> tuple[str, ...]:
    """What the nodes are called: the queries by their number, the keys by number and value.

    >>> named(torch.tensor([2, 0]))
    ('1?', '2?', '1:c', '2:a')
    """
    queries = (f"{number}?" for number in range(1, len(values) + 1))
    keys = (f"{number}:{chr(ord('a') + value)}" for number, value in enumerate(values.tolist(), 1))
    return (*queries, *keys)
