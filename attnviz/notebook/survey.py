"""What one layer's weights come to where they are too many to be sent: the strongest of each row, the rest by boxes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.core.attention import Attention
from attnviz.core.blocks import part

BLOCK = 2**22  # weights looked at together, 16 MB


def blocks(found: Attention) -> Iterator[tuple[int, Float[Tensor, "head row key"]]]:
    """The weights of a layer by blocks of rows, each with its first row; NaN where a key is not allowed."""
    queries, keys = found.queries.shape[-2], found.keys.shape[-2]
    step = max(1, BLOCK // max(1, found.n_heads * keys))
    for start in range(0, queries, step):
        one = part(found, start, min(start + step, queries))
        weights = one.weights.float()
        yield start, weights if one.allowed is None else weights.masked_fill(~one.allowed, torch.nan)


def row_sums(weights: Float[Tensor, "*any key"]) -> tuple[float, float]:
    """The least and the greatest sum of a row, of those that look at anything; (1, 1) where none does."""
    sums = weights.nan_to_num(0.0).double().sum(-1)
    sums = sums[sums > 0]
    return (float(sums.min()), float(sums.max())) if len(sums) else (1.0, 1.0)


def whole(found: Attention) -> Float[Tensor, "head query key"]:
    """All weights of a layer, NaN where a key is not allowed."""
    return torch.cat([weights for _, weights in blocks(found)], dim=-2)


@dataclass(frozen=True)
class Boxes:
    """A map's places in boxes: how many `down` and `across`, and of how many places the map is."""

    down: int
    across: int
    queries: int
    keys: int

    @classmethod
    def of(cls, queries: int, keys: int, most: int) -> Boxes:
        """At most `most` boxes on a side."""
        return cls(min(queries, most), min(keys, most), queries, keys)

    def row(self, query: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
        """Which box, counted down, is a query in?"""
        return query * self.down // self.queries

    def column(self, key: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
        """Which box, counted across, is a key in?"""
        return key * self.across // self.keys


@dataclass(frozen=True)
class Survey:
    """One layer: of each row the strongest weights `[head, query, rank]` and whose they are (NaN: no more is allowed),
    and for each box `[head, down, across]` the sum and the number of all allowed weights.
    """

    weights: Float[Tensor, "head query rank"]
    keys: Int64[Tensor, "head query rank"]
    sums: Float[Tensor, "head down across"]
    counts: Float[Tensor, "head down across"]
    boxes: Boxes
    row_sums: tuple[float, float]

    def first(self, most: int) -> Survey:
        """With so many weights of each row at most, by key: in order they take less room."""
        keys, order = self.keys[..., :most].sort(-1)
        return replace(self, weights=self.weights[..., :most].gather(-1, order), keys=keys)

    @property
    def rest(self) -> Float[Tensor, "head down across"]:
        """The mean weight in each box of the allowed pairs that are not among the strongest; NaN where none is."""
        there = ~self.weights.isnan()
        query = torch.arange(self.boxes.queries)[:, None].expand(self.keys.shape[1:])
        cell = self.boxes.row(query) * self.boxes.across + self.boxes.column(self.keys)
        taken, number = (torch.zeros_like(self.sums, dtype=torch.float64).flatten(1) for _ in range(2))
        taken = taken.scatter_add(1, cell.flatten(1), self.weights.nan_to_num(0.0).double().flatten(1))
        number = number.scatter_add(1, cell.flatten(1), there.double().flatten(1))
        left = self.counts.flatten(1) - number
        mean = (self.sums.flatten(1) - taken).clamp_min(0.0) / left.clamp_min(1)
        return mean.masked_fill(self.counts.flatten(1) == 0, torch.nan).view_as(self.sums).float()

    @property
    def share(self) -> float:
        """Which share of all weight do the strongest hold?"""
        return float(self.weights.nan_to_num(0.0).double().sum() / self.sums.sum().clamp_min(1e-30))


def surveyed(found: Attention, ranks: int, boxes: Boxes) -> Survey:
    """Survey a layer, block by block: the square of a long text is never laid out."""
    heads = found.n_heads
    shape = (heads, boxes.down, boxes.across)
    sums, counts = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    column = boxes.column(torch.arange(boxes.keys))
    best: list[Tensor] = []
    whose: list[Tensor] = []
    low, high = math.inf, -math.inf
    for start, weights in blocks(found):
        row = boxes.row(torch.arange(start, start + weights.shape[-2]))
        least, greatest = row_sums(weights)
        low, high = min(low, least), max(high, greatest)
        top = weights.nan_to_num(-1.0).topk(min(ranks, boxes.keys), dim=-1)
        best.append(top.values.masked_fill(top.values < 0, torch.nan))
        whose.append(top.indices)
        for total, values in ((sums, weights.nan_to_num(0.0)), (counts, (~weights.isnan()).float())):
            across = torch.zeros(heads, values.shape[1], boxes.across).index_add_(2, column, values)
            total.index_add_(1, row, across.double())
    return Survey(torch.cat(best, 1), torch.cat(whose, 1), sums, counts, boxes, (low, high))
