"""Sparse patterns by name, how many pairs each computes, and what each costs in accuracy on held-out sentences.

The figures are those of `attnviz/content/sparse.toml`, which `python -m attnviz.training.patterns.card` writes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from attnviz.core.masks import Dilated, Fixed, Global, Mask, RandomKeys, Strided, Window

FIGURES = "sparse.toml"
PATTERNS = ("window", "dilated", "global", "random", "strided", "fixed")


@dataclass(frozen=True)
class Pattern:
    """A pattern by its name and numbers; each name reads the numbers that it has a use for.

    window, dilated, global, random: `size` tokens on each side; dilated: `gap` left out between two; global and random:
    the first `tokens` tokens see all and are seen by all; random: `keys` drawn on each side by `seed`; strided, fixed:
    `stride`, and `summaries` tokens kept of each block.
    """

    name: str
    size: int = 2
    gap: int = 1
    tokens: int = 1
    keys: int = 1
    seed: int = 0
    stride: int = 4
    summaries: int = 1

    def mask(self) -> Mask:
        """The mask of that name. Raises `RuleError` for numbers that mean nothing, `ValueError` for another name."""
        window, everywhere = Window(self.size), Global(tuple(range(self.tokens)))
        if self.name == "window":
            return window
        if self.name == "dilated":
            return Dilated(self.size, self.gap)
        if self.name == "global":
            return window | everywhere
        if self.name == "random":
            return window | everywhere | RandomKeys(self.keys, self.seed)
        if self.name == "strided":
            return Strided(self.stride)
        if self.name == "fixed":
            return Fixed(self.stride, self.summaries)
        raise ValueError(f"pattern {self.name!r} is not one of {PATTERNS}")


def growth(mask: Mask, lengths: Sequence[int]) -> list[int]:
    """How many pairs does a mask compute in texts of these lengths?

    >>> growth(Window(1), [1, 2, 4])
    [1, 4, 10]
    """
    return [mask.pairs(length) for length in lengths]


@dataclass(frozen=True)
class Point:
    """What one model reached on held-out sentences with one pattern; `share` of all pairs was computed (0 to 1).

    `size` is the pattern's own (size or stride), None where nothing is forbidden. Accuracies are from 0 to 1.
    """

    model: str
    pattern: str
    size: int | None
    share: float
    zh: float
    en: float
    both: float


@cache
def points() -> tuple[Point, ...]:
    """All figures that the command wrote, in its order."""
    return tuple(Point(**{"size": None, **row}) for row in _table()["points"])


def counts() -> dict[str, int]:
    """How many held-out sentences and blanks the figures are over, by name."""
    return dict(_table()["counts"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("attnviz").joinpath("content", FIGURES).read_text(encoding="utf-8"))
