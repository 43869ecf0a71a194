"""Which map of a run lights up the picture, and where its patches lie once they were shuffled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attnviz.ui.kit import allowed_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.trace import Trace


@dataclass(frozen=True)
class Map:
    """One map `[query, key]`: NaN where a query may not look; and which head it is of, None for a mean."""

    weights: NDArray[np.float32]
    layer: int
    head: int
    view: str


def chosen(run: Trace, view: str, layer: int, head: int) -> Map:
    """One head, the mean of a layer's heads, that of all, or rollout through all layers."""
    if view == "head":
        found = allowed_weights(run, layer)[head]
    elif view == "layer":
        found = allowed_weights(run, layer).mean(0)
    elif view == "rollout":
        found = _rolled(run)
    else:
        found = np.mean([allowed_weights(run, one).mean(0) for one in run.open_layers], axis=0)
    return Map(found, layer, head, view)


def _rolled(run: Trace) -> NDArray[np.float32]:
    """How much of each place's input is in each state on top, by the weights alone."""
    from attnviz.measures.reading import rollout

    found: NDArray[np.float32] = rollout([run.weights(layer) for layer in run.open_layers]).float().numpy()
    return found


def marks(run: Trace, shown: Map) -> list[int]:
    """The patches that collect the weight of many."""
    import torch

    from attnviz.measures import sinks

    return sinks(torch.from_numpy(shown.weights), run.keys.special)


def patches(run: Trace) -> list[int]:
    """For each place the number that it has where nothing is shuffled."""
    order, first = list(getattr(run.keys, "order", ())), len(getattr(run.keys, "first", ()))
    if not order:
        return list(range(len(run.keys)))
    return [*range(first), *(first + one for one in order), *range(first + len(order), len(run.keys))]


def places(run: Trace, numbers: tuple[int, ...]) -> list[int]:
    """The places of some numbers; those that are not there left out."""
    where = {number: place for place, number in enumerate(patches(run))}
    return [where[number] for number in numbers if number in where]
