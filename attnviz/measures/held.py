"""Which words does a head's weights spell, and which of two readings of a stretch do they fit?

Both are read off neighbours alone: what a token gives to the token before it, to itself and to the token after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.axes import Characters
from attnviz.text.lattice import Stretch
from attnviz.text.segmentation import Reading, Span
from attnviz.trace import Trace

JOINED = 0.25  # the mean of the two weights between neighbours above which they stand in one word
HELD = 2.0  # nats by which weights must fit one reading better
LEAST = 1e-9  # what a weight of 0 counts as in a logarithm


def joined(weights: Float[Tensor, "*head query key"]) -> Bool[Tensor, "*head token"]:
    """Which tokens does a head join to the token before? The mean of the weights both ways is above 0.25.

    >>> joined(torch.tensor([[0.1, 0.9, 0.0], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]])).tolist()
    [False, True, False]
    """
    both = (weights.diagonal(1, -2, -1) + weights.diagonal(-1, -2, -1)) / 2
    return torch.nn.functional.pad(both > JOINED, (1, 0))


def spelled(trace: Trace, layer: int, head: int) -> Reading:
    """The words that one head's weights spell: the text cut wherever two neighbours are not joined."""
    return spelled_by_each(trace, trace.weights(layer, head)[None])[0]


def spelled_by_each(trace: Trace, weights: Float[Tensor, "head query key"]) -> list[Reading]:
    """The words that each head of a layer spells, `[head]`."""
    spans = spans_of(trace)
    found = []
    for row in joined(weights).tolist():
        units: list[Span] = []
        for before, span, one_word in zip([None, *spans], spans, row, strict=False):
            if span is not None and before is not None and one_word:
                units[-1] = (units[-1][0], span[1])
            elif span is not None:
                units.append(span)
        found.append(Reading(trace.text, tuple(units)))
    return found


def nats(
    weights: Float[Tensor, "head query key"], places: Sequence[int], units: Sequence[Sequence[int]]
) -> Float[Tensor, " head"]:
    """What do the weights of tokens in a row cost under a reading? Cross-entropy in nats, summed, `[head]`.

    A token is asked for its neighbours in its word, evenly, or for itself where the word is one token. `places` are
    the tokens of the stretch, `units` those of each word.
    """
    total = torch.zeros(len(weights), dtype=torch.float64)
    logs = weights.double().clamp_min(LEAST).log()
    for unit in units:
        for number, place in enumerate(unit):
            asked = [unit[at] for at in (number - 1, number + 1) if 0 <= at < len(unit)] or [place]
            total = total - logs[:, place, asked].mean(-1)
    return total


def fit(trace: Trace, stretch: Stretch, weights: Float[Tensor, "head query key"]) -> Float[Tensor, " head"]:
    """How much better do each head's weights fit the first reading of a stretch than the second? Nats, `[head]`."""
    places = [place for place, span in enumerate(spans_of(trace)) if span and stretch.start <= span[0] < stretch.end]
    costs = [nats(weights, places, _units(trace, places, stretch.units(side))) for side in (0, 1)]
    return costs[1] - costs[0]


def _units(trace: Trace, places: Sequence[int], units: Sequence[Span]) -> list[list[int]]:
    """The tokens of each word."""
    spans = spans_of(trace)
    return [[place for place in places if start <= spans[place][0] < end] for start, end in units]  # type: ignore[index]


def spans_of(trace: Trace) -> list[Characters | None]:
    """The characters of each token, None for special ones and for those that stand for none."""
    found = [trace.queries.stands_for(place) for place in range(len(trace.queries))]
    return [
        span if isinstance(span, Characters) and not special else None
        for span, special in zip(found, trace.special, strict=True)
    ]


def spells(reading: Reading, stretch: Stretch, side: int) -> bool:
    """Does a reading cut the inside of a stretch exactly as its first (0) or second (1) reading does?"""
    inside = range(stretch.start + 1, stretch.end)
    ours = {start for start, _ in reading.units if start in inside}
    return ours == {start for start, _ in stretch.units(side)[1:]}
