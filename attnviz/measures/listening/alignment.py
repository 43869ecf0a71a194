"""Which frames belong to which written token: the cheapest path through the weights of heads that follow the sound.

As Whisper's authors do it: each head's weights normalised over the tokens, smoothed over the frames by a median, their
mean, and through its negative the cheapest path that goes on by a token, a frame or both (dynamic time warping; Sakoe
and Chiba 1978). Over plain tensors that a run has recorded: no model is run again, and none is switched to another
attention, as transformers' `return_token_timestamps` does with the one that others use.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.measures.listening.following import follows

MEDIAN = 7  # frames: the width that Whisper's authors take
LEAST = 0.3  # of the best head's `follows`: those below are not taken
MOST = 10  # heads; Whisper's authors name 6 to 23 of a model


def aligned(weights: Float[Tensor, "head token frame"], *, median: int = MEDIAN) -> Int64[Tensor, "step two"]:
    """The path through sound and text by heads that follow it: rows of token and frame, both growing.

    Each head's weights are normalised over the tokens (mean 0, deviation 1), and `median` frames smoothed by their
    median; a width of 1 leaves them as they are. A frame at which all tokens look alike says nothing, and counts 0.
    Raises `ValueError` for no heads, tokens or frames, and for a width that is not odd.

    >>> rows = torch.tensor([[[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]]])
    >>> aligned(rows, median=1).tolist()
    [[0, 0], [1, 1], [1, 2]]
    """
    if not weights.numel():
        raise ValueError(f"an alignment needs heads, tokens and frames; got {tuple(weights.shape)}")
    if median < 1 or median % 2 == 0:
        raise ValueError(f"a median is over an odd number of frames; got {median}")
    own = weights.double()
    deviation = own.std(-2, keepdim=True, unbiased=False)
    own = torch.where(deviation > 0, (own - own.mean(-2, keepdim=True)) / deviation.clamp_min(1e-30), 0.0)
    return cheapest_path(-_smoothed(own, median).mean(0))


def _smoothed(values: Float[Tensor, "head token frame"], width: int) -> Float[Tensor, "head token frame"]:
    """Each value replaced by the median of its neighbours in time, mirrored at both ends."""
    half = width // 2
    if half == 0 or values.shape[-1] <= half:
        return values
    wide = torch.nn.functional.pad(values, (half, half), mode="reflect")
    return wide.unfold(-1, width, 1).median(-1).values


def cheapest_path(costs: Float[Tensor, "row column"]) -> Int64[Tensor, "step two"]:
    """The path from the first cell to the last that costs least, going on by a row, a column or both (Sakoe and Chiba
    1978). Of equal ways the one along a row is taken.

    >>> cheapest_path(torch.tensor([[0.0, 9.0], [9.0, 0.0]])).tolist()
    [[0, 0], [1, 1]]
    """
    rows, columns = costs.shape
    cost = costs.double().tolist()
    infinite = float("inf")
    total = [[infinite] * (columns + 1) for _ in range(rows + 1)]
    came = [[2] * (columns + 1)] + [[1] * (columns + 1) for _ in range(rows)]
    total[0][0] = 0.0
    for row in range(1, rows + 1):
        above, own = total[row - 1], total[row]
        for column in range(1, columns + 1):
            both, down, along = above[column - 1], above[column], own[column - 1]
            way = 0 if both < down and both < along else 1 if down < both and down < along else 2
            own[column] = cost[row - 1][column - 1] + (both, down, along)[way]
            came[row][column] = way
    return torch.tensor(_back(came, rows, columns), dtype=torch.int64)


def _back(came: list[list[int]], row: int, column: int) -> list[list[int]]:
    """The cells of the path that led to a cell, from the first."""
    found = []
    while row > 0 or column > 0:
        found.append([row - 1, column - 1])
        way = came[row][column]
        row, column = row - (way in (0, 1)), column - (way in (0, 2))
    return found[::-1]


def first_frames(path: Int64[Tensor, "step two"], tokens: int) -> Int64[Tensor, " token"]:
    """The first frame of each token on a path; with the next token's it says from when to when one was heard.

    >>> first_frames(torch.tensor([[0, 0], [0, 1], [1, 1], [1, 2]]), 2)
    tensor([0, 1])
    """
    found = torch.zeros(tokens, dtype=torch.int64)
    for token, frame in reversed(path.tolist()):
        found[token] = frame
    return found


def following_heads(
    layers: Iterable[tuple[int, Float[Tensor, "head token frame"]]], *, least: float = LEAST, most: int = MOST
) -> list[tuple[int, int, float]]:
    """Which heads follow the sound, the best first: layer, head, and how well (`follows`, 0 to 1).

    Found by how they look, so that it works where nobody has named the heads of a model, as after fine-tuning. Those
    that reach `least` of the best one, at most so many. `layers` are numbers and weights, of which one is held at a
    time.

    >>> following_heads([(0, torch.stack([torch.eye(3), torch.full((3, 3), 1 / 3)]))])
    [(0, 0, 1.0)]
    """
    scored = [(layer, head, float(one)) for layer, weights in layers for head, one in enumerate(follows(weights))]
    ranked = sorted(scored, key=lambda one: -one[2])
    return [one for one in ranked[:most] if one[2] >= least * ranked[0][2]]
