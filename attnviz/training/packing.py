"""How sentences of many lengths fill rows of one length, each seeing only itself.

A row holds several texts `[CLS] ... [SEP]` one after the other; positions start again at 0 in each, and the mask lets a
token see its own text only. So no step is spent on padding and every step has the same shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from attnviz.training.corpus import NO_MARK, Marked

POOL = 64


@dataclass(frozen=True)
class Rows:
    """A batch of packed rows; every array is `[row, position]`; `text` is 0 where nothing stands."""

    ids: np.ndarray
    positions: np.ndarray
    text: np.ndarray
    marks: np.ndarray


def closed(item: Marked, cls: int, sep: int) -> Marked:
    """Put [CLS] and [SEP] around a text of the training set (never around a person's text)."""
    return Marked(np.concatenate([[cls], item.ids, [sep]]), np.concatenate([[NO_MARK], item.marks, [NO_MARK]]))


def pack(texts: Iterable[Marked], length: int) -> Iterator[list[Marked]]:
    """Fill rows of `length` positions: of the next 64 texts the longest that still fits goes in next.

    Raises `ValueError` for a text that fits into no row.
    """
    waiting: list[Marked] = []
    source = iter(texts)
    row: list[Marked] = []
    room = length
    while True:
        while len(waiting) < POOL and (text := next(source, None)) is not None:
            if len(text.ids) > length:
                raise ValueError(f"a text of {len(text.ids)} tokens does not fit into rows of {length}: shorten it")
            waiting.append(text)
        fitting = [text for text in waiting if len(text.ids) <= room]
        if not fitting:
            if row:
                yield row
            if not waiting:
                return
            row, room = [], length
            continue
        best = max(range(len(waiting)), key=lambda i: len(waiting[i].ids) if len(waiting[i].ids) <= room else -1)
        text = waiting.pop(best)
        row.append(text)
        room -= len(text.ids)


def stack(rows: Sequence[Sequence[Marked]], length: int, pad: int) -> Rows:
    """Lay packed rows out as arrays."""
    shape = (len(rows), length)
    ids, positions = np.full(shape, pad, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    text, marks = np.zeros(shape, dtype=np.int64), np.full(shape, NO_MARK, dtype=np.int64)
    for r, row in enumerate(rows):
        at = 0
        for number, item in enumerate(row, start=1):
            here = slice(at, at + len(item.ids))
            ids[r, here], marks[r, here] = item.ids, item.marks
            positions[r, here], text[r, here] = np.arange(len(item.ids)), number
            at += len(item.ids)
    return Rows(ids, positions, text, marks)
