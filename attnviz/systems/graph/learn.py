"""A graph attention network trained on one graph while somebody watches: a few nodes have a label, all get a class.

Nodes are known by their number alone (one feature each), so that what a node is put into comes from the edges. Full
gradient steps of Adam on the cross-entropy of the labelled nodes; the same seed gives the same training.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from attnviz.core.adam import Adam
from attnviz.systems.graph.graph import Graph
from attnviz.systems.graph.network import Bag, Network, Shape
from attnviz.systems.graph.system import GraphSystem

EPOCHS, FRAME = 120, 6  # steps of a training, and how many pass from one picture to the next
RATE, DECAY = 1e-2, 5e-3
HIDDEN, HEADS = 4, 4
DROPPED = 0.3


@dataclass(frozen=True)
class Task:
    """What is to be learnt: the classes by name, and which of them a few nodes have."""

    name: str
    graph: Graph
    known: Mapping[int, int]
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Moment:
    """How far a training is: steps done, the loss of the labelled nodes, and the system as it is now."""

    epoch: int
    loss: float
    system: GraphSystem


def training(task: Task, version: int, seed: int, epochs: int = EPOCHS, frame: int = FRAME) -> Iterator[Moment]:
    """Train GAT (`version` 1) or GATv2 (2): a moment before the first step, and one after every `frame` steps."""
    chance = torch.Generator().manual_seed(seed)
    network = Network(Shape(len(task.graph), HIDDEN, HEADS, len(task.classes), version, DROPPED), chance)
    adam = Adam(network.parameters(), RATE, DECAY)
    features = Bag.of(torch.eye(len(task.graph)))
    for epoch in range(0, epochs + 1, frame):
        with torch.no_grad():
            loss = float(_loss(task, network.eval(), features))
        yield Moment(epoch, loss, _kept(task, network, features))
        for _ in range(frame if epoch < epochs else 0):
            adam.descend(_loss(task, network.train(), features, chance))


def _loss(task: Task, network: Network, features: Bag, chance: torch.Generator | None = None) -> torch.Tensor:
    """The cross-entropy of the labelled nodes."""
    logits, _ = network.along(features, task.graph.index, chance)
    nodes = list(task.known)
    return F.cross_entropy(logits[nodes], torch.tensor([task.known[node] for node in nodes]))


def _kept(task: Task, network: Network, features: Bag) -> GraphSystem:
    """The network as it is now; it goes on learning without this one."""
    still = copy.deepcopy(network).eval().requires_grad_(False)
    return GraphSystem(task.name, still, task.graph, features, task.classes)
