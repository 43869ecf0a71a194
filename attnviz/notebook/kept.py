"""Which weights of a run go into its page: all where they fit, else the strongest of each row, and what is left out.

A page holds at most so many bytes, whatever was run: 12 layers of 12 heads over 512 tokens are 37.7 million weights,
of which a megabyte takes one head whole and, of all others, the strongest of each row over means of boxes.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnviz.core.attention import Attention
from attnviz.core.rules import Rule
from attnviz.notebook.codes import codes, packed, planes, shades
from attnviz.notebook.survey import Boxes, Survey, row_sums, surveyed, whole
from attnviz.threads import cached_property
from attnviz.trace import Trace

FITS = 1_500_000  # cells; more are not even tried whole
MOST_RANKS = 64  # weights kept of one row
BOXES = 0.12  # of the page, a byte each before they are deflated, for those of all heads together
FEWEST, MOST = 8, 96  # boxes on a side
ROOM = 0.62  # of the page for the one head that is there whole
FAR = 2**16  # places beyond have no number of two bytes

Place = tuple[str, int, int]  # map, layer, head
Sent = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What is asked of a page: the run under a rule (None: its own), the head it opens with, how many bytes it has."""

    trace: Trace
    rule: Rule | None
    opened: Place
    most: int

    @cached_property
    def maps(self) -> dict[str, Trace]:
        """The run's maps by name."""
        return {part: self.trace.map(part) for part in self.trace.parts}

    def layer(self, part: str, layer: int) -> Attention:
        """One layer of one map under the rule."""
        return self.maps[part].attention(layer, rule=self.rule)

    @property
    def layers(self) -> list[tuple[str, int]]:
        """Every layer that has weights."""
        return [(part, layer) for part, trace in self.maps.items() for layer in trace.open_layers]

    @cached_property
    def heads(self) -> int:
        """How many heads there are in all."""
        return sum(self.layer(*place).n_heads for place in self.layers)

    @cached_property
    def rows(self) -> int:
        """How many rows all heads have."""
        return sum(self.layer(*place).n_heads * len(self.maps[place[0]].queries) for place in self.layers)

    @cached_property
    def cells(self) -> int:
        """How many weights there are."""
        sizes = {part: len(trace.queries) * len(trace.keys) for part, trace in self.maps.items()}
        return sum(self.layer(*place).n_heads * sizes[place[0]] for place in self.layers)


def sent(wish: Wish) -> dict[str, Sent]:
    """The weights of each map as the page reads them (`assets/notebook.js` says how), within the bytes."""
    if wish.cells <= FITS:
        found = {part: _whole(wish, part) for part in wish.maps}
        if _size(found) <= wish.most:
            return found
    return _strongest(wish)


def _size(found: Mapping[str, Sent]) -> int:
    """How many characters do these maps take?"""
    return sum(len(value) for one in found.values() for value in one.values() if isinstance(value, str))


def _whole(wish: Wish, part: str) -> Sent:
    """All weights of a map."""
    layers = [whole(wish.layer(part, layer)) for layer in wish.maps[part].open_layers]
    return {"all": packed(planes(*map(codes, layers))), "sums": _range(map(row_sums, layers))}


def _range(found: Iterable[tuple[float, float]]) -> list[float]:
    """The least and the greatest of several ranges."""
    lows, highs = zip(*found, strict=True) if (found := list(found)) else ((1.0,), (1.0,))
    return [min(lows), max(highs)]


def _strongest(wish: Wish) -> dict[str, Sent]:
    """The one head whole where it fits, and of every row as many weights as the bytes allow."""
    one = _one(wish)
    ranks = max(1, min(MOST_RANKS, int(wish.most / max(1, wish.rows))))  # a weight and its key take more than a byte
    side = max(FEWEST, min(MOST, int((BOXES * wish.most / max(1, wish.heads)) ** 0.5)))
    surveys = {place: surveyed(wish.layer(*place), ranks, _boxes(wish, place[0], side)) for place in wish.layers}

    def made(most: Mapping[tuple[str, int], int]) -> dict[str, Sent]:
        found = {part: _map(part, wish.maps[part].open_layers, surveys, most) for part in wish.maps}
        return {part: {**sent, **(one if part == wish.opened[0] else {})} for part, sent in found.items()}

    return _largest(_plans(wish, ranks), made, wish.most)


def _largest(plans: Sequence[Mapping[tuple[str, int], int]], made: Any, most: int) -> dict[str, Sent]:
    """The last plan, from small to large, that fits; the first where none does."""
    number = bisect.bisect_right(range(len(plans)), False, key=lambda plan: _size(made(plans[plan])) > most)
    found: dict[str, Sent] = made(plans[max(0, number - 1)])
    return found


def _plans(wish: Wish, ranks: int) -> list[dict[tuple[str, int], int]]:
    """How many weights of each row every layer may keep, from none at all to most: first the opened layer's alone."""
    steps = [count for count in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64) if count <= ranks]
    if any(max(len(trace.queries), len(trace.keys)) > FAR for trace in wish.maps.values()):
        steps = []
    none = dict.fromkeys(wish.layers, 0)
    own = wish.opened[:2]
    return [none, *({**none, own: 1} for _ in steps[:1]), *(dict.fromkeys(wish.layers, count) for count in steps)]


def _boxes(wish: Wish, part: str, side: int) -> Boxes:
    """The boxes of a map."""
    return Boxes.of(len(wish.maps[part].queries), len(wish.maps[part].keys), side)


def _one(wish: Wish) -> Sent:
    """The opened head whole, where it takes no more than its part of the page."""
    part, layer, head = wish.opened
    trace = wish.maps[part]
    if len(trace.queries) * len(trace.keys) > FITS:
        return {}
    found = packed(planes(codes(whole(wish.layer(part, layer))[head])))
    return {"one": found, "place": [layer, head]} if len(found) <= wish.most * ROOM else {}


def _map(
    part: str, layers: Sequence[int], surveys: Mapping[tuple[str, int], Survey], most: Mapping[tuple[str, int], int]
) -> Sent:
    """One map by its strongest weights: keys, weights, the means of the rest by boxes; `ranks` of each open layer."""
    chosen = [surveys[part, layer].first(most[part, layer]) for layer in layers]
    if not chosen:
        return {}
    boxes = chosen[0].boxes
    total = sum(float(one.sums.sum()) for one in chosen)
    return {
        "keys": packed(planes(*(one.keys.numpy() for one in chosen))),
        "weights": packed(planes(*(codes(one.weights) for one in chosen))),
        "rest": packed(b"".join(np.ascontiguousarray(shades(one.rest)).tobytes() for one in chosen)),
        "boxes": [boxes.down, boxes.across],
        "ranks": [one.keys.shape[-1] for one in chosen],
        "sums": _range(one.row_sums for one in chosen),
        "share": sum(one.share * float(one.sums.sum()) for one in chosen) / max(total, 1e-30),
    }
