"""Where each word looked of a model that reads a picture and a text, as numbers; nothing here draws or asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from attnviz.axes import Axis, Box
    from attnviz.recording.things.towers import PatchText
    from attnviz.trace import Trace

FINEST = 48  # cells of a side, at most


@dataclass(frozen=True)
class Words:
    """The words that look at a picture: their `texts`, which the model has written, the row of weights of each
    `[word, key]`, the places that each looks at most.

    `shares` are those of picture, prompt and answer, () where a word looks at the picture alone; `through` says which
    look at it by way of the question.
    """

    texts: tuple[str, ...]
    written: tuple[bool, ...]
    weights: Tensor
    most: tuple[tuple[tuple[str, float], ...], ...]
    shares: tuple[tuple[float, ...], ...]
    through: tuple[bool, ...]

    @property
    def first(self) -> int:
        """The first word that the model has written, or else the last."""
        return next((place for place, new in enumerate(self.written) if new), len(self.texts) - 1)


def said(trace: Trace) -> str:
    """What the model has written, as text."""
    words = trace.map("decoder") if "decoder" in trace.parts else trace
    spans = [span for span in words.encoded.spans[words.border or len(words.tokens) :] if span]
    return words.encoded.text[spans[0][0] :].strip() if spans else ""


def mean_shares(trace: Trace) -> tuple[float, ...]:
    """The shares of picture, prompt and answer in the rows of what was written, mean over all heads and layers."""
    from attnviz.measures import picture_shares

    border = len(trace.tokens) - 1 if trace.border is None else trace.border
    return tuple(picture_shares(trace, rows_of(trace, "all", 0, 0))[border:].mean(0).tolist())


def rows_of(trace: Trace, view: str, layer: int, head: int) -> Tensor:
    """A map `[query, key]`: one head, the mean of a layer's, that of all."""
    if view == "head":
        return trace.weights(layer, head)
    layers = [layer] if view == "layer" else trace.open_layers
    found = [trace.weights(one).mean(0) for one in layers]
    return sum(found[1:], found[0]) / len(found)


def words(trace: Trace, view: str, layer: int, head: int) -> Words:
    """The words of the question and of what was written, with where each looked."""
    import torch

    from attnviz.measures import picture_shares

    weights, border = rows_of(trace, view, layer, head), trace.border or len(trace.tokens)
    if trace.part == "self":
        begins = max(getattr(trace.keys, "pictured", (0,)), default=0)
        after = range(begins + 1, len(trace.tokens))
        places = [place for place in after if place >= border or not trace.special[place]]
        shares = tuple(map(tuple, picture_shares(trace, weights)[places].tolist()))
        texts, new = [trace.tokens[place] for place in places], tuple(place >= border for place in places)
        return Words(tuple(texts), new, weights[places], _most(trace, weights[places]), shares, (False,) * len(places))
    texts, new = [*trace.tokens], tuple(place >= border for place in range(len(trace.tokens)))
    through = (False,) * len(texts)
    if "asked" in trace.parts:  # the answer saw the picture by way of the question
        asked = trace.map("asked")
        answer = rows_of(asked, view, layer, head)[asked.border :] @ weights
        weights, texts = torch.cat([weights, answer]), [*texts, *asked.tokens[asked.border :]]
        new = through = (False,) * len(trace.tokens) + (True,) * len(answer)
    return Words(tuple(texts), new, weights, _most(trace, weights), (), through)


def _most(trace: Trace, weights: Tensor) -> tuple[tuple[tuple[str, float], ...], ...]:
    """The three places of the picture that each row looks at most."""
    seen, found = [*boxes_of(trace.keys)], []
    for row in weights[:, seen]:
        order = row.argsort(descending=True)[:3].tolist()
        found.append(tuple((trace.keys.labels[seen[one]], float(row[one])) for one in order))
    return tuple(found)


def boxes_of(axis: Axis) -> dict[int, Box]:
    """The places of an axis that lie on the picture, each with its pixels."""
    from attnviz.axes import Box

    return {place: box for place in range(len(axis)) if isinstance(box := axis.stands_for(place), Box)}


def laid(trace: Trace, words: Words, size: tuple[int, int]) -> tuple[list[list[float]], NDArray[np.float32]]:
    """The cells that the picture is lit in, each a box in its pixels, and how much each word gives to each."""
    from attnviz.measures import on_picture

    boxes = boxes_of(trace.keys).values()
    width, height = size
    across = min(FINEST, max(1, round(width / min(box.right - box.left for box in boxes))))
    down = min(FINEST, max(1, round(height / min(box.bottom - box.top for box in boxes))))
    found = on_picture(words.weights, trace.keys, size, (down, across)).flatten(1)
    edges = np.linspace(0, width, across + 1), np.linspace(0, height, down + 1)
    cells = [
        [float(edges[0][column]), float(edges[1][row]), float(edges[0][column + 1]), float(edges[1][row + 1])]
        for row in range(down)
        for column in range(across)
    ]
    return cells, found.float().numpy()


@dataclass(frozen=True)
class Compared:
    """What two towers make of a picture and a text, as it is drawn: the boxes of the patches, by what share of full
    light each cosine is shown (the least not at all), how the class token looked (None: there is none), and the places
    of the largest and of the least cosine.
    """

    boxes: list[list[float]]
    light: NDArray[np.float32]
    looks: NDArray[np.float32] | None
    most: tuple[str, float]
    least: tuple[str, float]
    whole: float


def compared(found: PatchText, view: str, layer: int, head: int) -> Compared:
    """The cosines of the patches that lie on the picture, beside the look of the class token by a map."""
    axis, trace = found.trace.keys, found.trace
    seen = boxes_of(axis)
    places, boxes = [*seen], [[float(side) for side in box] for box in seen.values()]
    own = found.cosines[places]
    light = (own - own.min()) / (own.max() - own.min()).clamp(min=1e-9)
    ends = [(axis.labels[places[int(at)]], float(own[at])) for at in (own.argmax(), own.argmin())]
    token = next((place for place, name in enumerate(axis.labels) if name == "[CLS]"), None)
    looks = None if token is None else rows_of(trace, view, layer, head)[token, places][None].float().numpy()
    return Compared(boxes, light[None].float().numpy(), looks, ends[0], ends[1], found.whole)


def cosine_table(found: PatchText) -> str:
    """The cosines as CSV, a line for the whole picture and one for each patch."""
    lines = ["patch,cosine", f"picture,{found.whole:.6f}"]
    named = zip(found.trace.keys.labels, found.cosines.tolist(), strict=True)
    return "\n".join([*lines, *(f'"{name}",{one:.6f}' for name, one in named if one == one)]) + "\n"
