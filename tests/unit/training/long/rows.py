"""Texts in which no token occurs twice, and what of a row stood in it before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

START = 2
TEXT = 400  # tokens of each text of `numbered`


def numbered() -> Iterator[list[int]]:
    """Texts in which no token occurs twice."""
    count = itertools.count(1_000)
    while True:
        yield list(itertools.islice(count, TEXT))


def repeats(ids: Sequence[int]) -> list[tuple[int, list[int]]]:
    """The runs of tokens that all stood in the row before: where each begins, and the run."""
    old = [number in ids[:place] for place, number in enumerate(ids)]
    groups = itertools.groupby(range(len(ids)), key=old.__getitem__)
    places = [list(group) for repeated, group in groups if repeated]
    return [(group[0], list(ids[group[0] : group[-1] + 1])) for group in places]


def within(run: Sequence[int], ids: Sequence[int]) -> bool:
    """Does a run stand in a row, token after token?"""
    return any(list(ids[at : at + len(run)]) == list(run) for at in range(len(ids) - len(run) + 1))
