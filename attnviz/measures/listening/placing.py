"""Does what is written listen ahead, and where it should? Numbers of a map whose keys are stretches of time.

The rows of a map are taken as shares: a row that sums to 0 (a query that may listen to nothing) has no middle.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Axis
from attnviz.axes.axis import Seconds


def middles(weights: Float[Tensor, "*head query key"], keys: Axis) -> Float[Tensor, "*head query"]:
    """At which second does each query listen in the mean? The centre of gravity of its weights; NaN without any.

    >>> from attnviz.axes import Frames
    >>> middles(torch.tensor([[0.5, 0.5, 0.0]]), Frames.even(3, 2.0))
    tensor([2.])
    """
    times, inside = _times(keys)
    shares = weights * inside
    return (shares @ times.mean(-1).to(weights.dtype)) / shares.sum(-1)


def forward(weights: Float[Tensor, "*head query key"], keys: Axis) -> Float[Tensor, "*head"]:
    """In what share of steps from one query to the next does the centre of gravity move on in time?

    1 for a head that always listens later, about 0.5 for one that knows no order; NaN for fewer than two queries. What
    moves by less than a hundredth of the sound counts as standing still.
    """
    found = middles(weights, keys)
    times, _ = _times(keys)
    least = 0.01 * float(times.max() - times.min())
    return ((found[..., 1:] - found[..., :-1]) > least).to(weights.dtype).mean(-1)


def inside_spans(
    weights: Float[Tensor, "*head query key"], keys: Axis, spans: Sequence[tuple[float, float]]
) -> Float[Tensor, "*head query"]:
    """Which share of each query's weight lies inside its own span of seconds? One span for each of the first queries.

    A key that lies partly inside counts by that part.

    >>> from attnviz.axes import Frames
    >>> inside_spans(torch.tensor([[0.25, 0.75]]), Frames.even(2, 1.0), [(0.5, 2.0)])
    tensor([0.8750])
    """
    times, inside = _times(keys)
    wanted = torch.tensor(spans, dtype=torch.float64).reshape(-1, 2)
    low = torch.maximum(times[None, :, 0], wanted[:, None, 0])
    high = torch.minimum(times[None, :, 1], wanted[:, None, 1])
    parts = (high - low).clamp_min(0) / (times[:, 1] - times[:, 0]).clamp_min(1e-9)
    rows = weights[..., : len(wanted), :] * inside
    return (rows * parts.to(weights.dtype)).sum(-1)


def _times(keys: Axis) -> tuple[Float[Tensor, "key 2"], Float[Tensor, " key"]]:
    """When each key begins and ends, and 1 for those that are a time at all."""
    found = [keys.stands_for(place) for place in range(len(keys))]
    times = [tuple(one) if isinstance(one, Seconds) else (0.0, 0.0) for one in found]
    inside = torch.tensor([float(isinstance(one, Seconds)) for one in found])
    return torch.tensor(times, dtype=torch.float64).reshape(-1, 2), inside
