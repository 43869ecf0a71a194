"""How even are the weights along edges, and does the class hang on them?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.systems.graph.network import Bag, Network
from attnviz.systems.graph.system import GraphSystem


@dataclass(frozen=True)
class Evenness:
    """Entropy over the entropy of even weights (1: even, 0: one neighbour alone), means over nodes and heads by layer.

    `trained` is the network as it is; `untrained` one of the same shape before its first step; `shuffled` the trained
    one with the nodes' features dealt out to other nodes.
    """

    trained: tuple[float, ...]
    untrained: tuple[float, ...]
    shuffled: tuple[float, ...]


def evenness(
    weights: Float[Tensor, "edge head"], target: Int64[Tensor, " edge"], nodes: int
) -> Float[Tensor, "node head"]:
    """How even are the weights of the edges that come into each node? NaN for a node with a single one.

    >>> evenness(torch.tensor([[0.5], [0.5], [1.0]]), torch.tensor([0, 0, 1]), 2)
    tensor([[1.],
            [nan]])
    """
    bits = torch.special.entr(weights.double())
    total = torch.zeros(nodes, weights.shape[1], dtype=torch.double).index_add(0, target, bits)
    many = torch.bincount(target, minlength=nodes)[:, None].double()
    return torch.where(many > 1, total / many.log(), torch.nan).float()


@torch.no_grad()
def measure(system: GraphSystem, seed: int = 0) -> Evenness:
    """How even are the weights over the whole graph, beside an untrained network and features at random?"""
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(system.graph), generator=chance)
    fresh = Network(system.network.shape, chance).eval()
    return Evenness(
        _means(system, system.network, system.features), _means(system, fresh, system.features),
        _means(system, system.network, shuffled(system.features, order)),
    )  # fmt: skip


def shuffled(features: Bag, order: Int64[Tensor, " node"]) -> Bag:
    """Node i gets the features of node order[i]."""
    ends = torch.cat([features.start[1:], torch.tensor([len(features.columns)])])
    rows = [torch.arange(int(features.start[node]), int(ends[node])) for node in order.tolist()]
    counts = torch.tensor([len(row) for row in rows])
    entries = torch.cat(rows)
    return Bag(features.columns[entries], features.values[entries], counts.cumsum(0) - counts, features.width)


def _means(system: GraphSystem, network: Network, features: Bag) -> tuple[float, ...]:
    """The mean evenness of each layer."""
    index = system.graph.index
    _, layers = network.along(features, index)
    return tuple(round(float(evenness(one, index[1], len(system.graph)).nanmean()), 4) for one in layers)


@torch.no_grad()
def even_logits(system: GraphSystem) -> Float[Tensor, "node class"]:
    """What would the trained network say if every node looked at all its neighbours and itself alike?"""
    index, network = system.graph.index, system.network
    even = (1 / torch.bincount(index[1]).float())[index[1]][:, None]
    states = F.elu(_evenly(network.first.sides(system.features)[1], index, even) + network.first.bias)
    found: Tensor = _evenly(network.second.sides(states)[1], index, even) + network.second.bias
    return found


def _evenly(values: Tensor, index: Tensor, even: Tensor) -> Tensor:
    return torch.zeros_like(values).index_add(0, index[1], values[index[0]] * even[..., None]).flatten(-2)
