"""Where is each node drawn? Springs between neighbours, everything else pushed apart; the same every time."""

from __future__ import annotations

from functools import lru_cache

from attnviz.systems.graph.graph import Edge

SEED = 3
SPREAD = 1.9  # how far apart neighbours want to be, in units of an even spread
Points = tuple[tuple[float, float], ...]


@lru_cache(maxsize=64)  # of at most 500 nodes: 50 kB each
def points(nodes: int, edges: tuple[Edge, ...]) -> Points:
    """A place (x, y) in the unit square for each node (Fruchterman and Reingold 1991), y down.

    >>> len(points(3, ((0, 1),)))
    3
    """
    import networkx
    import numpy as np

    graph = networkx.Graph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(edges)
    # Without a method of its own networkx asks SciPy's sparse matrices from 500 nodes on.
    turns = 120 if nodes < 150 else 60
    found = networkx.spring_layout(graph, seed=SEED, k=SPREAD / nodes**0.5, iterations=turns, method="force")
    places = np.array([found[node] for node in range(nodes)])
    low, high = places.min(0), places.max(0)
    scaled = (places - low) / np.maximum(high - low, 1e-9)
    return tuple((float(x), float(y)) for x, y in scaled.round(4))
