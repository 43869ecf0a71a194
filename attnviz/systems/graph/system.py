"""Graph attention: each node of a graph looks at those with an edge to it and at itself, and is put into a class.

system = av.load("cora-gatv2")
trace = system.read("2163")      # a paper of Cora, with all that lies within two steps of it
trace.weights(0, 3)[0]           # whom it looks at in head 3 of the first layer
trace.predictions(0)             # its class

The networks stand in `network.py`, the graph that a person types is read by `text.py`, and `learn.py` trains on one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Nodes
from attnviz.core.attention import Attention
from attnviz.core.interventions import ForbidEdge
from attnviz.core.rules import Rule, Soft
from attnviz.errors import AttnvizError, TextError, shown
from attnviz.systems.graph import NAMES
from attnviz.systems.graph.graph import Edge, Graph
from attnviz.systems.graph.layout import points
from attnviz.systems.graph.network import Bag, Network, Shape
from attnviz.threads import cached_property
from attnviz.trace import Trace

__all__ = ["NAMES", "GraphSystem", "load"]

HOPS = 2  # two layers: what is farther away cannot reach a node
MOST_WHOLE = 500  # nodes; the maps of more would be large, and nobody could read them


@dataclass(frozen=True, eq=False)
class GraphSystem:
    """A trained network with the graph that it knows; never changed after loading.

    `classes` are the names of the classes; `parts` the numbers of the nodes trained on and kept, where they are known.
    """

    name: str
    network: Network
    graph: Graph
    features: Bag
    classes: tuple[str, ...]
    parts: Mapping[str, Int64[Tensor, " node"]] = field(default_factory=dict)
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    def node(self, name: str) -> int:
        """The number of a node of that name. Raises `TextError` where there is none."""
        name = name.strip()
        if not name:
            raise TextError("text_empty")
        if name not in self._numbers:
            raise TextError("graph_no_node", node=shown(name), first=self.graph.names[0], last=self.graph.names[-1])
        return self._numbers[name]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.graph.names)}

    def read(self, text: str, *, rule: Rule | None = None, without: Collection[Edge] = ()) -> Trace:
        """Whom do a node, by its name, and the nodes around it look at, and which class does it have?

        The trace's sides are the nodes within two steps along the edges, the asked one first: nothing farther can reach
        it. Weights of both layers and the class are those of the whole graph for the asked node, and those of layer 0
        for its neighbours too; nodes at the rim look at the neighbours that are here. `without` are edges (from, to)
        taken away, in numbers of the whole graph. Raises `TextError` for a node that is not there.
        """
        nodes = self.graph.around(self.node(text), HOPS)
        return self._trace(nodes, rule or Soft(), without)

    def whole(self, *, rule: Rule | None = None, without: Collection[Edge] = ()) -> Trace:
        """All nodes at once. Raises `AttnvizError` for a graph of more than 500 nodes."""
        if len(self.graph) > MOST_WHOLE:
            raise AttnvizError("graph_too_large", nodes=len(self.graph), most=MOST_WHOLE)
        return self._trace(tuple(range(len(self.graph))), rule or Soft(), without)

    @torch.no_grad()
    def _trace(self, nodes: tuple[int, ...], rule: Rule, without: Collection[Edge]) -> Trace:
        """The run on these nodes and the edges between them."""
        part = self.graph.part(nodes)
        place = {node: number for number, node in enumerate(nodes)}
        gone = [(place[a], place[b]) for a, b in without if a in place and b in place]
        layers, states, logits = run(self.network, self.features.table(torch.tensor(nodes)), _mask(part, gone), rule)
        axis = Nodes(part.names, points(len(part), part.edges))
        return Trace(
            axis, axis, layers, model=self.name, kind="graph", rule=rule, outputs=states, logits=logits,
            name_piece=self.classes.__getitem__, changes=tuple(ForbidEdge(b, a) for a, b in gone),
        )  # fmt: skip

    @torch.no_grad()
    def along(self) -> tuple[Float[Tensor, "node class"], list[Float[Tensor, "edge head"]]]:
        """The class scores of all nodes and the weights of all edges of `graph.index`, under the softmax."""
        found: tuple[Tensor, list[Tensor]] = self.network.along(self.features, self.graph.index)
        return found


def _mask(part: Graph, gone: Collection[Edge]) -> Bool[Tensor, "node node"]:
    """Who may look at whom, less some edges."""
    allowed = part.allowed.clone()
    for source, target in gone:
        allowed[target, source] = False
    return allowed


def run(
    network: Network, features: Float[Tensor, "node width"], allowed: Bool[Tensor, "node node"], rule: Rule
) -> tuple[tuple[Attention, ...], Float[Tensor, "node wide"], Float[Tensor, "node class"]]:
    """Both layers over all pairs: their calls of `attend`, the states between them, and the scores of the classes."""
    first = network.first.look(features, allowed, rule.at(0))
    states = F.elu(network.first.after(first.output))
    second = network.second.look(states, allowed, rule.at(1))
    return (first, second), states, network.second.after(second.output)


@cache
def load(name: str) -> GraphSystem:
    """One of the models of `NAMES`, or a folder like theirs; loaded once. Raises `ModelError` where there is none."""
    place = shipped.folder(name)
    with shipped.damaged(place):
        config = shipped.config(place)
        network = Network(Shape(**config["shape"]))
        network.load_state_dict(shipped.tensors(place))
        graph, features, parts = stored_graph(place / "graph.safetensors", config["shape"]["features"])
        return GraphSystem(
            name, network.eval().requires_grad_(False), graph, features, tuple(config["classes"]), parts,
            shipped.licence(place),
        )  # fmt: skip


def stored_graph(file: Path, width: int) -> tuple[Graph, Bag, dict[str, Tensor]]:
    """A graph as a folder keeps it: undirected edges once, the columns of each node's words, classes, parts."""
    from safetensors.torch import load_file

    found = {name: tensor.long() for name, tensor in load_file(file).items()}
    counts = found["words_of_node"]
    start = counts.cumsum(0) - counts
    values = (1 / counts.clamp_min(1).float()).repeat_interleave(counts)  # each node's words together are 1
    pairs = [(int(a), int(b)) for a, b in found["edges"].tolist()]
    graph = Graph.of([str(node) for node in range(len(counts))], pairs)
    graph = Graph(graph.names, graph.edges, tuple(found["classes"].tolist()))
    return graph, Bag(found["words"], values, start, width), {
        name: found[name] for name in ("train", "validation", "test")
    }  # fmt: skip
