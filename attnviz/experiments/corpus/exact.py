"""Sums that come out the same whatever the order: of each text whole numbers, which add up without rounding.

A number of a text (a share of its weight, bits, places) is a sum over its tokens; it is kept in units of 2^-32, far
below what float32 computes to, and added as an integer of any length. So it does not matter who adds what to what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.experiments.atlas import Tally
from attnviz.text.tokens import Encoded

SHIFT = 32
ONE = 2**SHIFT
ROOM = 2**30  # what 64 bits hold in those units, with one to spare
Numbers = tuple[int, ...]
Table = Int64[Tensor, "two column layer head"]  # totals in those units, and over how many tokens they are


@dataclass(frozen=True)
class Column:
    """One number summed, in units of 2^-32, and over how many tokens; one of each for every head, layer by layer."""

    totals: Numbers
    counts: Numbers

    def __add__(self, other: Column) -> Column:
        return Column(_added(self.totals, other.totals), _added(self.counts, other.counts))

    def tally(self, size: tuple[int, int]) -> Tally:
        """The same in float64 `[layer, head]`, each correctly rounded."""
        totals = torch.tensor([one / ONE for one in self.totals], dtype=torch.float64)
        return Tally(totals.reshape(size), torch.tensor(self.counts, dtype=torch.float64).reshape(size))


@dataclass(frozen=True)
class Sums:
    """What was summed over `texts` texts of `tokens` tokens: `columns` by their names, each of `size` layers and heads.

    >>> one = Sums((1, 1), {"entropy": Column((3,), (2,))}, 1, 2)
    >>> (one + one).columns["entropy"]
    Column(totals=(6,), counts=(4,))
    """

    size: tuple[int, int]
    columns: Mapping[str, Column]
    texts: int
    tokens: int

    def __add__(self, other: Sums) -> Sums:
        if self.size != other.size or self.columns.keys() != other.columns.keys():
            raise ValueError(f"sums of {self.size} and {other.size}, {list(self.columns)} and {list(other.columns)}")
        columns = {name: column + other.columns[name] for name, column in self.columns.items()}
        return Sums(self.size, columns, self.texts + other.texts, self.tokens + other.tokens)

    def plain(self) -> dict[str, Any]:
        """In lists and whole numbers alone, as a file of JSON has them."""
        columns = {name: [list(column.totals), list(column.counts)] for name, column in self.columns.items()}
        return {"size": list(self.size), "columns": columns, "texts": self.texts, "tokens": self.tokens}

    @classmethod
    def of_plain(cls, said: Mapping[str, Any]) -> Sums:
        """What `plain` gave. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        layers, heads = map(int, said["size"])
        columns = {
            str(name): Column(*(tuple(map(int, side)) for side in (totals, counts)))
            for name, (totals, counts) in said["columns"].items()
        }
        if any(len(side) != layers * heads for one in columns.values() for side in (one.totals, one.counts)):
            raise ValueError("a column is not as long as there are heads")
        return cls((layers, heads), columns, int(said["texts"]), int(said["tokens"]))


def joined(one: Sums | None, other: Sums | None) -> Sums | None:
    """Both together, where there are both."""
    return other if one is None else one if other is None else one + other


class Adding:
    """Adds up tables of some texts each, in 64 bits as long as they suffice, and then in integers of any length."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._sums: Sums | None = None
        self._table: Table | None = None
        self._most = self._texts = self._tokens = 0

    def add(self, table: Table, texts: Sequence[Encoded]) -> None:
        """Add what was summed over these."""
        most = sum(len(text.ids) ** 2 for text in texts)  # of a number of every token: how far it reaches
        if self._table is not None and (self._most + most > ROOM or self._table.shape != table.shape):
            self._sums, self._table = self.sums(), None
            self._most = self._texts = self._tokens = 0
        self._table = table if self._table is None else self._table + table
        self._most, self._texts = self._most + most, self._texts + len(texts)
        self._tokens += sum(not one for text in texts for one in text.special)

    def sums(self) -> Sums | None:
        """All that was added; None where nothing was."""
        if self._table is None:
            return self._sums
        columns = {
            name: Column(*(tuple(side[place].flatten().tolist()) for side in self._table))
            for place, name in enumerate(self._names)
        }
        size = self._table.shape[2], self._table.shape[3]
        return joined(self._sums, Sums(size, columns, self._texts, self._tokens))


def whole(values: Float[Tensor, "*number"]) -> Int64[Tensor, "*number"]:
    """Numbers in units of 2^-32. Sums of fewer than 2^31 / number of them fit into 64 bits."""
    found: Tensor = (values.double() * ONE).round().to(torch.int64)
    return found


def _added(one: Sequence[int], other: Sequence[int]) -> Numbers:
    return tuple(mine + theirs for mine, theirs in zip(one, other, strict=True))
