"""A graph as people type it: "a-b, b-c", an edge a line, or a table of two columns.

a-b, b-c      edges without a direction; a-b-c is two of them
a->b          an edge from a to b; one arrow makes the whole graph a directed one
a,b           a line of two fields without a dash: an edge (CSV; tabs and single spaces part fields too)
a             a node alone
a=1, b=2      (`labels_of`) the classes of a few nodes
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from attnviz.errors import TextError, shown
from attnviz.systems.graph.graph import Graph
from attnviz.text.tokens import clean

MOST_NODES = 300  # more can neither be told apart in a picture nor learnt from one column each
MOST_CHARACTERS = 400_000
MOST_CLASSES = 6  # as many shapes and colours as can be told apart
ARROW = re.compile(r"\s*(?:-+>|=>|→|⟶|＞)\s*")
LINK = re.compile(r"\s*(?:--+|-|–|—|－|~)\s*")
PARTS = re.compile(r"[,;，；、]")
SPACES = re.compile(r"\t+|\s+")
EQUALS = re.compile(r"\s*[=:＝：]\s*")
HEADS = {
    ("source", "target"), ("from", "to"), ("src", "dst"), ("node1", "node2"), ("起点", "终点"),
    ("源", "目标"), ("来源", "目标"), ("从", "到"),
}  # fmt: skip


def graph_of(text: str) -> Graph:
    """The graph that a text or a table names, its nodes in the order in which they come.

    Raises `TextError` for a text that is empty, names no edge, or names more than `MOST_NODES` nodes.

    >>> graph_of("a-b, b-c").edges
    ((0, 1), (1, 0), (1, 2), (2, 1))
    >>> graph_of("a->b").edges
    ((0, 1),)
    """
    text = clean(text)
    if not text.strip():
        raise TextError("graph_empty")
    if len(text) > MOST_CHARACTERS:
        raise TextError("graph_too_long", characters=len(text), most=MOST_CHARACTERS)
    numbers: dict[str, int] = {}
    pairs, directed = list[tuple[int, int]](), False
    for path, arrow in _paths(text):
        places = [numbers.setdefault(name, len(numbers)) for name in path]
        pairs += pairwise(places)
        directed |= arrow
    if len(numbers) > MOST_NODES:
        raise TextError("graph_too_large", nodes=len(numbers), most=MOST_NODES)
    if not any(a != b for a, b in pairs):
        raise TextError("graph_no_edges", nodes=len(numbers))
    return Graph.of(list(numbers), pairs, directed=directed)


def _paths(text: str) -> Iterator[tuple[list[str], bool]]:
    """The nodes along each path that the text names, and whether arrows lead along it."""
    for number, line in enumerate(line.strip() for line in text.splitlines()):
        parts = [part.strip() for part in PARTS.split(line) if part.strip()]
        if number == 0 and _heads(parts if len(parts) > 1 else SPACES.split(line)):
            continue
        if any(ARROW.search(part) or LINK.search(part) for part in parts):
            yield from map(_path, parts)
        elif len(parts) >= 2:  # a line of a table; what stands after the first two columns is no node
            yield parts[:2], False
        elif parts:
            fields = SPACES.split(parts[0])
            yield (fields if len(fields) == 2 else parts), False


def _heads(fields: list[str]) -> bool:
    """Are these the names of a table's columns?"""
    return tuple(field.strip().lower() for field in fields[:2]) in HEADS


def _path(part: str) -> tuple[list[str], bool]:
    """a-b-c as its nodes; an arrow anywhere makes all of it directed."""
    arrow = bool(ARROW.search(part))
    names = (ARROW if arrow else LINK).split(part)
    return [name.strip() for name in names if name.strip()], arrow


def labels_of(text: str, graph: Graph) -> tuple[dict[int, int], tuple[str, ...]]:
    """Which class do a few nodes have? By their numbers, and the classes by name, in the order in which they come.

    Raises `TextError` for what is no `node=class`, a node that the graph lacks, and for fewer than two classes or more
    than `MOST_CLASSES`.

    >>> labels_of("a=red, c=blue", graph_of("a-b, b-c"))
    ({0: 0, 2: 1}, ('red', 'blue'))
    """
    numbers = {name: number for number, name in enumerate(graph.names)}
    classes: dict[str, int] = {}
    found: dict[int, int] = {}
    for part in filter(None, (part.strip() for part in re.split(r"[,;，；、\n]", clean(text)))):
        name, *said = EQUALS.split(part, maxsplit=1)
        if len(said) != 1 or not said[0] or not name:
            raise TextError("graph_label", text=shown(part))
        if name not in numbers:
            raise TextError("graph_label_unknown", node=shown(name))
        found[numbers[name]] = classes.setdefault(said[0], len(classes))
    if len(set(found.values())) < 2:
        raise TextError("graph_two_classes")
    if len(classes) > MOST_CLASSES:
        raise TextError("graph_many_classes", classes=len(classes), most=MOST_CLASSES)
    return found, tuple(classes)
