"""What the browser is given to light up a picture by itself: boxes, the weights of a map, every head small."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.axes import Axis

NOT, FULL = 65_535, 65_534  # a pair that may not look; the largest weight of the map
MOST_TILES = 1_500_000  # bytes of all heads for all queries; of more, those of the chosen query alone are sent


def place_boxes(axis: Axis) -> list[list[float] | None]:
    """The pixels of each place."""
    found = (axis.stands_for(place) for place in range(len(axis)))
    return [None if one is None else [float(side) for side in one] for one in found]


def weights_sent(weights: NDArray[np.float32]) -> tuple[str, float]:
    """A map `[query, key]` as text, two bytes a pair, and the weight that full stands for."""
    missing = np.isnan(weights)
    top = float(np.nanmax(np.where(missing, 0.0, weights))) or 1.0
    scaled = np.where(missing, NOT, np.rint(np.nan_to_num(weights) / top * FULL)).astype("<u2")
    return b64encode(scaled.tobytes()).decode(), top


def tiles_sent(layers: Mapping[int, NDArray[np.float32]], query: int, drawn: Sequence[bool]) -> dict[str, Any]:
    """Every head as shares of the strongest place that is drawn, a byte each: for all queries, or for one.

    `layers` has the weights `[head, query, key]` of each.
    """
    heads, (_, queries, keys) = max(len(one) for one in layers.values()), next(iter(layers.values())).shape
    every = len(layers) * heads * queries * keys <= MOST_TILES
    rows = slice(None) if every else slice(query, query + 1)
    found = np.zeros((len(layers), heads, queries if every else 1, keys), np.uint8)
    for number, weights in enumerate(layers.values()):
        shown = np.nan_to_num(weights[:, rows])
        top = np.where(np.array(drawn), shown, 0.0).max(-1, keepdims=True)
        shares = np.divide(shown, top, out=np.zeros_like(shown), where=top > 0)
        found[number, : len(shown)] = np.rint(255 * shares.clip(0, 1)).astype(np.uint8)
    return {
        "shares": b64encode(found.tobytes()).decode(), "all": every, "layers": list(layers),
        "heads": [len(one) for one in layers.values()], "columns": heads,
    }  # fmt: skip


def numbers_of(text: str) -> tuple[int, ...]:
    """Places as a link writes them: 3.4.11."""
    return tuple(int(one) for one in text.split(".") if one)


def named_label(label: str, spoken: str, names: Mapping[str, Any]) -> str:
    """A label in the reader's language, where the model's configuration has its names (`label_names`)."""
    if spoken not in names or label not in names.get("en", ()):
        return label
    return str(names[spoken][list(names["en"]).index(label)])
