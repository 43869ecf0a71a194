"""What was seen of a graph, as files that other programs read: a table of edges, and GraphML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import torch

from attnviz.text.labels import no_formula
from attnviz.trace import Trace


def _edges(trace: Trace) -> Iterator[tuple[int, int]]:
    """Who may be looked at by whom (from, to), the self-loops among them."""
    allowed = trace.attention(0).allowed
    assert allowed is not None
    yield from ((int(key), int(query)) for query, key in allowed.nonzero())


def edges_csv(trace: Trace) -> bytes:
    """Every edge of every head with its weight: from, to, layer, head, weight. The weights into a node sum to 1.

    >>> from attnviz.systems.graph.system import load
    >>> edges_csv(load("cora-gat").read("2707")).splitlines()[0]
    b'\\xef\\xbb\\xbffrom,to,layer,head,weight'
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["from", "to", "layer", "head", "weight"])
    for layer in trace.open_layers:
        for head, weights in enumerate(trace.weights(layer)):
            for source, target in _edges(trace):
                weight = f"{float(weights[target, source]):.6f}"
                names = (no_formula(trace.tokens[place]) for place in (source, target))
                rows.writerow([*names, layer, head, weight])
    return b"\xef\xbb\xbf" + text.getvalue().encode()  # so that Excel reads Chinese names


def graphml(trace: Trace, classes: Sequence[str]) -> bytes:
    """The graph with each node's class and probability, and each edge's weight in each head, as GraphML."""
    import networkx

    graph = networkx.DiGraph()
    assert trace.logits is not None
    for node, (name, row) in enumerate(zip(trace.tokens, torch.softmax(trace.logits, -1), strict=True)):
        best = int(row.argmax())
        said = {"label": _clean(name), "predicted": _clean(classes[best])}
        graph.add_node(node, **said, probability=float(f"{row[best]:.6f}"))
    maps = {f"layer{n}_head{h}": one for n in trace.open_layers for h, one in enumerate(trace.weights(n))}
    for source, target in _edges(trace):
        weights = {name: round(float(one[target, source]), 6) for name, one in maps.items()}
        graph.add_edge(source, target, **weights)
    return "\n".join(networkx.generate_graphml(graph)).encode()


def _clean(text: str) -> str:
    """A text without the characters that XML cannot have."""
    return "".join(one for one in text if one.isprintable() or one in "\t\n")
