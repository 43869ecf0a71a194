"""Which map of a detector lights up the picture: queries on places, queries on queries, or places on places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.trace import Trace

VIEWS = {"looks": "cross", "asks": "decoder", "places": "encoder"}  # and the map that each shows
WHOLE = slice(None)


@dataclass(frozen=True)
class View:
    """One way to look at a run: a map of it, and which of its queries and keys are meant (YOLOS has one map of all)."""

    name: str
    trace: Trace
    queries: slice
    keys: slice

    def layer(self, number: int) -> NDArray[np.float32]:
        """A layer's weights `[head, query, key]`, NaN where looking is not allowed."""
        found: NDArray[np.float32] = self.trace.attention(number).open_weights.float().numpy()
        return found[:, self.queries, self.keys]

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


def view(run: Trace, name: str) -> View:
    """A way to look at a run, by its name in `VIEWS`."""
    if VIEWS[name] in run.parts:
        return View(name, run.map(VIEWS[name]), WHOLE, WHOLE)
    assert run.answer is not None  # the run of a detector
    first = len(run.queries) - len(run.answer.read)
    places, slots = slice(0, first), slice(first, None)
    sides = {"looks": (slots, places), "asks": (slots, slots), "places": (places, places)}
    return View(name, run, *sides[name])
