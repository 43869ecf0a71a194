"""What the page on graphs computes with: which graph, which nodes of it, what is taken away, and who is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.systems.graph.graph import Edge
    from attnviz.systems.graph.learn import Task
    from attnviz.systems.graph.system import GraphSystem
    from attnviz.trace import Trace

NONE, ALL, ONE = "", "*", ":"  # nothing taken away, every edge of the node, the edge to one neighbour (":3")
NAMED = {"gat": "GAT", "gatv2": "GATv2"}
NEAR, MOST = 30, 60  # neighbours of a paper that are drawn, and nodes in all


@dataclass(frozen=True)
class Asked:
    """Which network on which graph: all that a training hangs on."""

    what: str
    version: str
    seed: int
    edges: str = ""
    labels: str = ""

    @property
    def number(self) -> int:
        """1 for GAT, 2 for GATv2."""
        return list(NAMED).index(self.version) + 1


def task(ask: Asked) -> Task:
    """What is learnt. Raises `TextError` for a typed graph or labels that are none."""
    from attnviz.systems.graph.graph import KARATE, karate
    from attnviz.systems.graph.learn import Task
    from attnviz.systems.graph.text import graph_of, labels_of

    if ask.what == "karate":
        return Task(f"karate-{ask.version}", karate(), {0: 0, 33: 1}, KARATE)
    graph = graph_of(ask.edges)
    known, classes = labels_of(ask.labels, graph)
    return Task(f"typed-{ask.version}", graph, known, classes)


def cora(ask: Asked) -> GraphSystem:
    """The built-in network of that kind, loaded once."""
    from attnviz.systems.graph.system import load

    return load(f"cora-{ask.version}")


def names(ask: Asked) -> list[str]:
    """The nodes by name."""
    return list(cora(ask).graph.names if ask.what == "cora" else task(ask).graph.names)


def neighbours(ask: Asked, node: str) -> list[str]:
    """Whom a node may look at beside itself. Raises `TextError` for a node that is not there."""
    if ask.what == "cora":
        graph, number = cora(ask).graph, cora(ask).node(node)
    else:
        graph = task(ask).graph
        number = graph.names.index(node)
    return [graph.names[one] for one in graph.incoming[number]]


def without(found: GraphSystem, node: str, off: str) -> tuple[Edge, ...]:
    """The edges that are taken away from a node."""
    graph, number = found.graph, found.node(node)
    if off == NONE:
        return ()
    if off == ALL:
        return graph.edges_of(number)
    return graph.both_ways(found.node(off.removeprefix(ONE)), number)


def maps(trace: Trace) -> list[tuple[int, int]]:
    """Every layer and head, the last layer first."""
    return [(layer, head) for layer in reversed(trace.open_layers) for head in range(trace.attention(layer).n_heads)]


def place(trace: Trace, what: str, node: str) -> int:
    """Where the open node stands in a run."""
    return 0 if what == "cora" else trace.tokens.index(node)


def drawn_nodes(trace: Trace, what: str, head: tuple[int, int]) -> list[int]:
    """Which nodes of a run are drawn: all of a small graph; round a paper the nearest, the heaviest first."""
    if what != "cora":
        return list(range(len(trace.tokens)))
    allowed, weights = allowed_pairs(trace), trace.weights(*head)
    near = [int(node) for node in weights[0].argsort(descending=True, stable=True) if allowed[0, node]]
    kept = [0, *[node for node in near if node][:NEAR]]
    far = [int(node) for one in kept[1:] for node in allowed[one].nonzero().flatten() if int(node) not in kept]
    return [*kept, *list(dict.fromkeys(far))[: max(0, MOST - len(kept))]]


def allowed_pairs(trace: Trace):  # type: ignore[no-untyped-def]
    """Who may look at whom in a run `[node, node]`."""
    found = trace.attention(0).allowed
    assert found is not None
    return found
