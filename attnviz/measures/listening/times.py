"""From when to when was each written token heard? For a recorded run of a model that writes down sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Seconds
from attnviz.measures.listening.alignment import aligned, first_frames, following_heads
from attnviz.trace import Trace


def heard_at(trace: Trace, heads: Sequence[tuple[int, int]] = ()) -> tuple[Seconds | None, ...]:
    """When each token of a run was heard, None for one that is no word: marks, the end.

    A token is written where the model stands at the one before, so that its row is the one above it; the row of the
    last token says when that ends, as Whisper's authors have it. Places that the model filled its window up with are
    left out. `heads` are layers and heads that follow the sound (`HearingModel.alignment_heads`); where none are given
    they are found by how they look (`following_heads`). Raises `AttnvizError` for a run without a map of tokens to
    frames, or a head that it does not have.
    """
    own = trace.map("cross")
    said = [place for place, special in enumerate(own.special) if not special and place]
    frames = [place for place, special in enumerate(own.key_special) if not special]
    found: list[Seconds | None] = [None] * len(own.special)
    if not said or not frames:
        return tuple(found)
    rows = torch.arange(said[0] - 1, said[-1] + 1)
    chosen = heads or [(layer, head) for layer, head, _ in following_heads(_all(own, rows, frames))]
    weights = torch.stack([own.weights(layer, head)[rows][:, frames] for layer, head in chosen])
    firsts = first_frames(aligned(weights), len(rows)).tolist()
    spans = [own.keys.stands_for(place) for place in frames]
    for number, token in enumerate(range(said[0], said[-1] + 1)):
        start, end = spans[firsts[number]], spans[max(firsts[number + 1] - 1, firsts[number])]
        if token in said and isinstance(start, Seconds) and isinstance(end, Seconds):
            found[token] = Seconds(start.start, end.end)
    return tuple(found)


def _all(own: Trace, rows: Tensor, frames: list[int]) -> Iterator[tuple[int, Float[Tensor, "head token frame"]]]:
    """Every head's weights of these tokens to these frames, layer by layer."""
    for layer in own.open_layers:
        yield layer, own.weights(layer)[:, rows][..., frames]
