"""Batches of the sentences that the small models learn from, and their blanks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from attnviz.training.corpus import FINAL_MARKS, LONGEST, NO_MARK, Marked, join, without_final_mark
from attnviz.training.packing import Rows, closed, pack, stack
from attnviz.training.recipe import Recipe


@dataclass(frozen=True)
class Step:
    """One batch: `[row, position]` arrays and the flat indices of the blanks."""

    rows: Rows
    blanks: np.ndarray
    targets: np.ndarray


def texts(languages: list[list[Marked]], recipe: Recipe, finals: frozenset[int], rng: random.Random) -> list[Marked]:
    """One epoch's texts in random order: single sentences, and some running texts of several."""
    epoch: list[Marked] = []
    for sentences in languages:
        order = [without_final_mark(s, finals) if rng.random() < recipe.final_mark_dropped else s for s in sentences]
        rng.shuffle(order)
        cut = int(len(order) * recipe.joined)
        epoch += order[cut:]
        at = 0
        while at < cut:
            count = rng.randint(2, 5)
            joined = join(order[at : min(at + count, cut)])
            epoch.append(Marked(joined.ids[:126], joined.marks[:126]))
            at += count
    rng.shuffle(epoch)
    return epoch


def long_texts(languages: list[list[Marked]], rng: random.Random) -> Iterator[Marked]:
    """Without end: running texts of up to the longest length, so that every position is trained."""
    while True:
        sentences = rng.choice(languages)
        goal, parts, size = rng.randint(100, LONGEST - 2), [], 0
        while size < goal:
            parts.append(rng.choice(sentences))
            size += len(parts[-1].ids)
        whole = join(parts)
        yield Marked(whole.ids[: LONGEST - 2], whole.marks[: LONGEST - 2])


def batches(languages: list[list[Marked]], recipe: Recipe, ids: dict[str, int]) -> Iterator[Rows]:
    """Without end: packed batches of rows of 128 positions, now and then of rows of 256."""
    rng = random.Random(recipe.seed)
    finals = frozenset(ids[c] for c in FINAL_MARKS if c in ids)
    cls, sep, pad = ids["[CLS]"], ids["[SEP]"], ids["[PAD]"]

    def short() -> Iterator[list[Marked]]:
        while True:
            yield from pack((closed(t, cls, sep) for t in texts(languages, recipe, finals, rng)), 128)

    kinds = {128: short(), LONGEST: pack((closed(t, cls, sep) for t in long_texts(languages, rng)), LONGEST)}
    number = 0
    while True:
        length = LONGEST if number % recipe.long_rows_every == 0 else 128
        yield stack([next(kinds[length]) for _ in range(recipe.tokens_a_step // length)], length, pad)
        number += 1


def blank(rows: Rows, recipe: Recipe, ids: dict[str, int], rng: np.random.Generator) -> Step:
    """Put [MASK] on a fixed number of tokens, leaving some of the texts whole."""
    text = rows.text + 1_000 * np.arange(len(rows.text))[:, None]
    names = np.unique(text)
    whole = names[rng.random(len(names)) < recipe.left_whole]
    able = rows.marks != NO_MARK
    masked_here = able & ~np.isin(text, whole)
    eligible = np.flatnonzero(masked_here if masked_here.any() else able)
    blanks = rng.permutation(eligible)[: recipe.masked_a_step]
    blanks = np.resize(blanks, recipe.masked_a_step)
    targets = rows.ids.reshape(-1)[blanks]
    masked = rows.ids.copy()
    masked.reshape(-1)[blanks] = ids["[MASK]"]
    return Step(Rows(masked, rows.positions, rows.text, rows.marks), blanks, targets)


def blanked(languages: list[list[Marked]], recipe: Recipe, ids: dict[str, int]) -> Iterator[dict[str, Tensor]]:
    """Without end: batches with blanks, by name: `Rows`, the flat indices of the blanks and what stood there."""
    rng = np.random.default_rng(recipe.seed)
    for rows in batches(languages, recipe, ids):
        step = blank(rows, recipe, ids, rng)
        arrays = {**asdict(step.rows), "blanks": step.blanks, "targets": step.targets}
        yield {name: torch.from_numpy(array) for name, array in arrays.items()}
