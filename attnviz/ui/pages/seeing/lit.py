"""What the browser is given to light up a picture by itself: boxes, names, the weights of a map, every head small."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.trace import Trace

NOT, FULL = 65_535, 65_534  # a pair that may not look; the largest weight of the map
MOST_TILES = 1_500_000  # bytes of all heads for all queries; of more, those of the chosen query alone are sent


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
        found = _allowed(run, layer)[head]
    elif view == "layer":
        found = _allowed(run, layer).mean(0)
    elif view == "rollout":
        found = _rolled(run)
    else:
        found = np.mean([_allowed(run, one).mean(0) for one in run.open_layers], axis=0)
    return Map(found, layer, head, view)


def _rolled(run: Trace) -> NDArray[np.float32]:
    """How much of each place's input is in each state on top, by the weights alone."""
    from attnviz.measures.reading import rollout

    found: NDArray[np.float32] = rollout([run.weights(layer) for layer in run.open_layers]).float().numpy()
    return found


def _allowed(run: Trace, layer: int) -> NDArray[np.float32]:
    """A layer's weights `[head, query, key]`, NaN where looking is not allowed."""
    attention = run.attention(layer)
    weights: NDArray[np.float32] = attention.weights.float().numpy()
    if attention.allowed is None:
        return weights
    return np.where(attention.allowed.expand(weights.shape).numpy(), weights, np.float32(np.nan))


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


def boxes(run: Trace) -> list[list[float] | None]:
    """The pixels of each place."""
    found = (run.keys.stands_for(place) for place in range(len(run.keys)))
    return [None if one is None else [float(side) for side in one] for one in found]


def weights_sent(shown: Map) -> tuple[str, float]:
    """A map as text, two bytes a pair, and the weight that full stands for."""
    missing = np.isnan(shown.weights)
    top = float(np.nanmax(np.where(missing, 0.0, shown.weights))) or 1.0
    scaled = np.where(missing, NOT, np.rint(np.nan_to_num(shown.weights) / top * FULL)).astype("<u2")
    return b64encode(scaled.tobytes()).decode(), top


def tiles_sent(run: Trace, query: int, drawn: list[bool]) -> dict[str, Any]:
    """Every head as shares of the strongest patch that is drawn, a byte each: for all queries, or for one."""
    layers, keys = run.open_layers, len(run.keys)
    every = len(layers) * run.n_heads * len(run.queries) * keys <= MOST_TILES
    rows = slice(None) if every else slice(query, query + 1)
    found = np.zeros((len(layers), run.n_heads, len(run.queries) if every else 1, keys), np.uint8)
    counts = []
    for number, layer in enumerate(layers):
        weights = np.nan_to_num(_allowed(run, layer)[:, rows])
        top = np.where(np.array(drawn), weights, 0.0).max(-1, keepdims=True)
        shares = np.divide(weights, top, out=np.zeros_like(weights), where=top > 0)
        found[number, : len(weights)] = np.rint(255 * shares.clip(0, 1)).astype(np.uint8)
        counts.append(len(weights))
    return {
        "shares": b64encode(found.tobytes()).decode(), "all": every, "layers": layers, "heads": counts,
        "columns": run.n_heads,
    }  # fmt: skip
