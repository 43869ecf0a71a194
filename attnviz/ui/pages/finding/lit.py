"""Which map of a detector lights up the picture: queries on places or on points of it, queries on queries, or places on
places or on points.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attnviz.axes import Axis
    from attnviz.trace import Trace

VIEWS = {"looks": "cross", "asks": "decoder", "places": "encoder"}  # and the map that each shows
WHOLE = slice(None)
POINT = re.compile(r"level (\d+), point (\d+)")  # as the adapter calls what a query chose to look at
MOST_POINTS = 60_000  # for the browser, 12 bytes each; of more, those of the chosen place alone are sent


@dataclass(frozen=True)
class View:
    """One way to look at a run: a map of it, and which of its queries and keys are meant (YOLOS has one map of all)."""

    name: str
    trace: Trace
    queries: slice
    keys: slice

    @property
    def pointed(self) -> bool:
        """Do those who look choose the points that they look at, in place of all places or queries?"""
        return hasattr(self.trace.attention(self.trace.open_layers[0]), "places")

    @property
    def rows(self) -> range:
        """The numbers of its queries in the map."""
        return range(len(self.trace.queries))[self.queries]

    def of(self, query: int) -> View:
        """The same for one of its queries alone, which is all that is then computed."""
        return replace(self, queries=slice(self.rows[query], self.rows[query] + 1))

    def layer(self, number: int) -> NDArray[np.float32]:
        """A layer's weights `[head, query, key]`, NaN where looking is not allowed."""
        from attnviz.core.blocks import window

        keys = range(len(self.trace.keys))[self.keys]
        found: NDArray[np.float32] = window(self.trace.attention(number), self.rows, keys).numpy()
        return found

    def layers(self) -> dict[int, NDArray[np.float32]]:
        """All layers' weights by their numbers."""
        return {number: self.layer(number) for number in self.trace.open_layers}

    def weights(self, mean: str, layer: int, head: int) -> NDArray[np.float32]:
        """The weights `[query, key]` of one head ("head"), the mean of a layer's heads ("layer") or of all ("all")."""
        if mean == "head":
            one: NDArray[np.float32] = self.layer(layer)[head]
            return one
        found = [self.layer(layer)] if mean == "layer" else list(self.layers().values())
        shown: NDArray[np.float32] = np.mean([each.mean(0) for each in found], axis=0)
        return shown


def view(run: Trace, name: str, level: int = 0) -> View:
    """A way to look at a run, by its name in `VIEWS`; of places on several levels those of one, counted from 0."""
    if name == "places" and n_levels(run):
        return View(name, at_level(run.map("encoder"), level), WHOLE, WHOLE)
    if VIEWS[name] in run.parts:
        return View(name, run.map(VIEWS[name]), WHOLE, WHOLE)
    assert run.answer is not None  # the run of a detector
    first = len(run.queries) - len(run.answer.read)
    places, slots = slice(0, first), slice(first, None)
    sides = {"looks": (slots, places), "asks": (slots, slots), "places": (places, places)}
    return View(name, run, *sides[name])


def named(run: Trace, slot: str, point: str) -> Trace:
    """A run for the reader's eyes: its queries are called `slot` and a number, and their points `point`, in which
    "\\1" is the level and "\\2" the number; a file has both in English.
    """
    from attnviz.axes import Items, Slots

    def said(axis: Axis) -> Axis:
        if isinstance(axis, Items):
            return Items(tuple(POINT.sub(point, one) for one in axis.titles))
        return replace(axis, name=slot) if isinstance(axis, Slots) else axis

    queries = said(run.queries)
    return replace(run, queries=queries, keys=said(run.keys) if run.crossed else queries)


def n_levels(run: Trace) -> int:
    """On how many levels of features the places of its encoder lie that look at points they choose; 0: on one grid, at
    places.
    """
    return len(getattr(run.map("encoder").queries, "grids", ())) if "encoder" in run.parts else 0


def at_level(run: Trace, level: int) -> Trace:
    """The map of an encoder's places and the points that they choose, of the places on one level, counted from 0."""
    from attnviz.core.blocks import part

    axis: Any = run.queries
    own = axis.level(level)
    layers = tuple(part(one, own.start, own.stop) for one in run.layers)  # type: ignore[arg-type]
    return replace(run, queries=axis.grids[level], layers=layers, outputs=run.outputs[own])


def views(run: Trace) -> tuple[str, ...]:
    """The ways to look at a run that it has maps for."""
    return tuple(name for name, part in VIEWS.items() if part in run.parts or "cross" not in run.parts)


def samples(run: Trace) -> bool:
    """Do its queries look at points that they choose, in place of all places of the picture?"""
    return view(run, "looks").pointed


def places(run: Trace) -> Axis | None:
    """The axis that has the places of the picture first; None where no map of the run has one."""
    if not samples(run):
        return view(run, "looks").trace.keys
    return run.map("encoder").queries if "encoder" in run.parts and not n_levels(run) else None


def per_level(seen: View) -> tuple[int, int]:
    """How many levels of features the points lie on, and how many points each has."""
    labels = seen.trace.keys.labels
    each = sum(label.startswith("level 1,") for label in labels)
    return len(labels) // each, each


def sent(seen: View, mean: str, layer: int, who: int) -> list[int]:
    """The places whose points the browser is given: all, where they are few enough, or the one that looks."""
    heads = sum(seen.trace.attention(one).n_heads for one in (seen.trace.open_layers if mean == "all" else [layer]))
    each = len(seen.trace.keys) * (1 if mean == "head" else heads)
    return list(range(len(seen.trace.queries))) if each * len(seen.trace.queries) <= MOST_POINTS else [who]


def points(looks: View, layer: int, slots: Sequence[int]) -> NDArray[np.float32]:
    """The points of some queries in every head of a layer `[head, query, point, 3]`: x and y in pixels, the weight."""
    from attnviz.core.blocks import part

    first = min(slots, default=0)
    call: Any = part(looks.trace.attention(layer), first, max(slots, default=0) + 1)  # a `Sampled`
    own = [slot - first for slot in slots]
    where, weights = (one[:, own].float().numpy() for one in (call.places, call.weights))
    return np.concatenate([where, weights[..., None]], -1).astype("<f4")


def chosen(looks: View, mean: str, layer: int, head: int, slots: Sequence[int]) -> NDArray[np.float32]:
    """The points of some queries `[query, point, 3]` by the map that is open: of one head, of a layer's or of all, each
    head after the other, a weight with its part of the mean.
    """
    found = [points(looks, one, slots) for one in (looks.trace.open_layers if mean == "all" else [layer])]
    if mean == "head":
        found = [found[0][head : head + 1]]
    parts = np.concatenate([one / np.array([1, 1, len(one) * len(found)]) for one in found])
    return parts.transpose(1, 0, 2, 3).reshape(len(slots), -1, 3).astype("<f4")


def tiles(looks: View, slot: int) -> NDArray[np.float32]:
    """The points of one query in every head `[layer, head, point, 3]`; 0 where a layer has fewer heads."""
    layers = [points(looks, number, [slot])[:, 0] for number in looks.trace.open_layers]
    found = np.zeros((len(layers), max(map(len, layers)), *layers[0].shape[1:]), "<f4")
    for number, layer in enumerate(layers):
        found[number, : len(layer)] = layer
    return found
