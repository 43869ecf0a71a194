"""A graph: nodes with names, edges from one to another, and what follows from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from attnviz.threads import cached_property

Edge = tuple[int, int]  # from, to
KARATE = ("Mr. Hi", "Officer")  # the two clubs that it became, as networkx calls them


@dataclass(frozen=True)
class Graph:
    """Nodes by name and edges (from, to), each once and none from a node to itself; those come in by themselves.

    An undirected edge stands in both directions. `classes` is the true class of each node, -1 where nobody knows it, ()
    where nobody knows any; `doubled` and `loops` count what was left out when the graph was made.
    """

    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    classes: tuple[int, ...] = ()
    directed: bool = False
    doubled: int = 0
    loops: int = 0

    @classmethod
    def of(cls, names: Sequence[str], pairs: Iterable[Edge], *, directed: bool = False) -> Graph:
        """A graph of such edges, however often each was given.

        >>> Graph.of("ab", [(0, 1), (1, 0), (1, 1)])
        Graph(names=('a', 'b'), edges=((0, 1), (1, 0)), classes=(), directed=False, doubled=1, loops=1)
        """
        given = list(pairs)
        apart = [pair for pair in given if pair[0] != pair[1]]
        once = set(apart) if directed else {(min(pair), max(pair)) for pair in apart}
        both = once if directed else once | {(b, a) for a, b in once}
        return cls(
            tuple(names), tuple(sorted(both)), directed=directed, doubled=len(apart) - len(once),
            loops=len(given) - len(apart),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def incoming(self) -> tuple[tuple[int, ...], ...]:
        """For each node those with an edge to it, in their order, itself not among them."""
        found: list[list[int]] = [[] for _ in self.names]
        for source, target in self.edges:
            found[target].append(source)
        return tuple(map(tuple, found))

    @cached_property
    def index(self) -> Int64[Tensor, "2 edge"]:
        """The edges (from, to), and after them one from each node to itself."""
        own = [(node, node) for node in range(len(self))]
        return torch.tensor([*self.edges, *own]).T.contiguous()

    @cached_property
    def allowed(self) -> Bool[Tensor, "node node"]:
        """May node i look at node j? True along an edge j -> i, and at itself."""
        found = torch.eye(len(self), dtype=torch.bool)
        found[self.index[1], self.index[0]] = True
        return found

    def without(self, edges: Collection[Edge]) -> Graph:
        """The graph less some edges, each in the direction given."""
        left = set(edges)
        return replace(self, edges=tuple(edge for edge in self.edges if edge not in left))

    def edges_of(self, node: int) -> tuple[Edge, ...]:
        """All edges from and to a node."""
        return tuple(edge for edge in self.edges if node in edge)

    def both_ways(self, source: int, target: int) -> tuple[Edge, ...]:
        """The edge between two nodes: in an undirected graph both of its directions."""
        there = ((source, target),) if self.directed else ((source, target), (target, source))
        own = set(self.edges)
        return tuple(edge for edge in there if edge in own)

    def around(self, node: int, hops: int = 2) -> tuple[int, ...]:
        """The nodes that reach a node in so many steps: itself first, then the nearer before the farther."""
        found, rim = [node], [node]
        seen = {node}
        for _ in range(hops):
            rim = sorted({source for one in rim for source in self.incoming[one]} - seen)
            seen.update(rim)
            found += rim
        return tuple(found)

    def part(self, nodes: Sequence[int]) -> Graph:
        """These nodes in this order, with the edges between them."""
        place = {node: number for number, node in enumerate(nodes)}
        edges = [(place[a], place[node]) for node in nodes for a in self.incoming[node] if a in place]
        classes = tuple(self.classes[node] for node in nodes) if self.classes else ()
        return Graph(tuple(self.names[node] for node in nodes), tuple(sorted(edges)), classes, self.directed)


def karate() -> Graph:
    """Zachary's karate club (1977): 34 members, 78 friendships, and the two clubs that it split into.

    >>> len(karate()), len(karate().edges) // 2, karate().classes.count(0)
    (34, 78, 17)
    """
    import networkx

    club = networkx.karate_club_graph()
    found = Graph.of([str(node) for node in club], club.edges())
    return replace(found, classes=tuple(KARATE.index(club.nodes[node]["club"]) for node in club))
