"""What must be looked up far back: blocks that return, and texts in which passages do, far as often as near.

Who meets a block of random tokens again can tell it only by a head that finds the token before and looks one further
(an induction head, Olsson et al. 2022): nothing else about it can be learnt. Such drills make that head in a few
hundred steps, which texts with one token in 20 a copy did not in 2,200. But a head that finds random tokens does not
find passages of a text, where every token stood in many places before: it must look for more than one token. Blocks
that are pieces of texts, shuffled or as they are, teach that.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from attnviz.training.long.data import Ids
from attnviz.training.sentences import NO_TARGET

SPECIAL = 5  # the first ids of the tokenizer are no tokens of a text
SHORT = (64, 128, 256, 512, 1_024)  # tokens of a row of a drill, in turn
BLOCK = (8, 100)  # tokens of a block that returns in a drill
FAR_BLOCK, TEXT = (16, 120), (32, 256)  # the same among texts, and how much of a text stands between
AGAIN, NEW = 0.5, 0.25  # how often a block returns, and a new one comes; else a piece of a text
COPIED, COPY = 0.5, (24, 160)  # after how many texts a passage returns, and how many tokens of it


class Row(NamedTuple):
    """Rows of token ids `[row, token]`, and at each place the token to be told next, -100 where none is."""

    ids: Int64[Tensor, "row token"]
    targets: Int64[Tensor, "row token"]


class Running(NamedTuple):
    """Rows of texts `[row, token]`, and which tokens continue a passage that stood in the row before."""

    ids: Int64[Tensor, "row token"]
    copied: Bool[Tensor, "row token"]


def loguniform(most: int, rng: random.Random) -> int:
    """A whole number from 1 to `most`, each doubling as likely as the one before: far as often as near."""
    return int(math.exp(rng.uniform(0, math.log(most)))) if most > 1 else 1


@dataclass(frozen=True)
class Drills:
    """Rows made by chance from a vocabulary of `size` tokens and from texts; every row begins with `start`."""

    size: int
    start: int
    texts: Iterator[Ids]
    rng: random.Random

    def block(self, count: int, pieces: bool) -> Ids:
        """Random tokens; with `pieces` as often a piece of a text with its tokens shuffled, and one as it is."""
        kind = self.rng.randrange(3) if pieces else 0
        if kind == 0:
            return [self.rng.randrange(SPECIAL, self.size) for _ in range(count)]
        found: Ids = []
        while len(found) < count:
            found += next(self.texts)
        begin = self.rng.randrange(len(found) - count + 1)
        found = found[begin : begin + count]
        return found if kind == 1 else self.rng.sample(found, count)

    def near(self, rows: int, length: int, *, pieces: bool = False) -> Row:
        """Rows in which a block returns after a gap of other tokens, and again to the end."""
        made = [self._near(length, pieces) for _ in range(rows)]
        return Row(torch.tensor([ids for ids, _ in made]), torch.tensor([targets for _, targets in made]))

    def _near(self, length: int, pieces: bool) -> tuple[Ids, Ids]:
        size = self.rng.randint(BLOCK[0], min(BLOCK[1], (length - 1) // 2))
        gap = min(length - 1 - 2 * size, int((length - 2 * size) * self.rng.random() ** 2))
        block = self.block(size, pieces)
        ids = [self.start, *block, *self.block(gap, pieces)]
        begin = len(ids)
        while len(ids) < length:
            ids += block
        ids = ids[:length]
        return ids, [*[NO_TARGET] * begin, *ids[begin + 1 :], NO_TARGET]

    def far(self, length: int, *, pieces: bool = False) -> Row:
        """One row of blocks among pieces of texts; a block returns from any distance, and is told from there."""
        ids = [self.start]
        targets: dict[int, int] = {}
        blocks: list[tuple[int, Ids]] = []
        while len(ids) < length:
            chance = self.rng.random()
            if blocks and chance < AGAIN:
                away = len(ids) - loguniform(len(ids), self.rng)
                _, block = min(blocks, key=lambda one: abs(one[0] - away))
                targets |= {len(ids) + place: token for place, token in enumerate(block[1:])}
                blocks.append((len(ids), block))
                ids += block
            elif chance < AGAIN + NEW:
                blocks.append((len(ids), self.block(self.rng.randint(*FAR_BLOCK), pieces)))
                ids += blocks[-1][1]
            else:
                ids += next(self.texts)[: self.rng.randint(*TEXT)]
        if not any(place < length - 1 for place in targets):
            return self.far(length, pieces=pieces)  # by chance nothing returned: nothing would be asked
        told = [targets.get(place, NO_TARGET) for place in range(length - 1)]
        return Row(torch.tensor([ids[:length]]), torch.tensor([[*told, NO_TARGET]]))

    def running(self, rows: int, length: int) -> Running:
        """Texts one after the other, in which passages return."""
        made = [self._running(length) for _ in range(rows)]
        return Running(torch.tensor([ids for ids, _ in made]), torch.tensor([copied for _, copied in made]))

    def _running(self, length: int) -> tuple[Ids, list[bool]]:
        ids, copied = [self.start], [False]
        while len(ids) < length:
            new = next(self.texts)
            ids += new
            copied += [False] * len(new)
            size = self.rng.randint(*COPY)
            if self.rng.random() < COPIED and len(ids) > size + 1:
                begin = max(1, len(ids) - size - loguniform(len(ids) - size, self.rng))
                ids += ids[begin : begin + size]
                copied += [False, *[True] * (size - 1)]
        return ids[:length], copied[:length]
