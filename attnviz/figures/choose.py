"""Which tokens and weights a picture shows."""

from __future__ import annotations

import torch
from torch import Tensor

from attnviz.rules import Rule
from attnviz.trace import Trace


def shown(trace: Trace, specials: bool) -> list[int]:
    """The positions that a picture shows: all, or without what the tokenizer added ([CLS], [SEP])."""
    places = [place for place, special in enumerate(trace.special) if specials or not special]
    return places or list(range(len(trace.special)))


def visible(trace: Trace, layer: int, head: int | None, rule: Rule | None, places: list[int]) -> Tensor:
    """Weights of the shown tokens, `[query, key]` or `[head, query, key]`; NaN where a key is not allowed.

    Leaving tokens out never rescales the others: a row may sum to less than 1.
    """
    found = trace.attention(layer, head, rule)
    weights = found.weights.float()
    if found.allowed is not None:
        weights = weights.masked_fill(~found.allowed, torch.nan)
    index = torch.tensor(places)
    return weights.index_select(-2, index).index_select(-1, index)
