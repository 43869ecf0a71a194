"""Do two ways of reading attention name the same places?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.measures.ranks import spearman


@dataclass(frozen=True)
class Agreement:
    """How alike two rows are: the `spearman` of their orders, -1 to 1 (NaN where one is the same throughout), and the
    `overlap` of their highest places, 0 to 1.
    """

    spearman: float
    overlap: float


def agreement(
    first: Float[Tensor, " place"],
    second: Float[Tensor, " _"],
    *,
    seen: Bool[Tensor, " _"] | None = None,
    top: int = 3,
) -> Agreement:
    """How alike are two rows over the same places? By size, whatever the sign; of the places `seen` alone.

    Equal values share the mean of their ranks; where several are equal at the border of the `top`, each counts for its
    part, so that the order of the places does not matter.

    >>> import torch
    >>> found = agreement(torch.tensor([3.0, 2.0, 1.0, 0.0]), torch.tensor([0.0, -2.0, 1.0, 3.0]))
    >>> round(found.spearman, 3), round(found.overlap, 3)
    (-0.8, 0.667)
    """
    if first.shape != second.shape:
        raise ValueError(f"agreement needs rows over the same places; got {len(first)} and {len(second)}")
    chosen = slice(None) if seen is None else seen
    a, b = (one.double().abs()[chosen] for one in (first, second))
    number = min(top, len(a))
    if not number:
        return Agreement(float("nan"), float("nan"))
    overlap = float((_among(a, number) * _among(b, number)).sum()) / number
    return Agreement(spearman(a.tolist(), b.tolist()), overlap)


def _among(values: Float[Tensor, " place"], top: int) -> Float[Tensor, " place"]:
    """How far is each place among the `top` highest: 1, 0, or its part where equals share the last of these places?"""
    least = values.topk(top).values[-1]
    above, equal = values > least, values == least
    return above.double() + equal.double() * (top - int(above.sum())) / int(equal.sum())
