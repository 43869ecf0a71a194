"""Ways through DoorKey of different quality, for a Decision Transformer to learn from.

    python -m attnviz.training.acting.ways FILE

Who walks: `agent-doorkey` by its probabilities (`agent`); the same after a number of steps at random (`late`); the same
with a share of its steps at random (`noisy`); steps at random alone (`random`). An episode is over after `MOST` steps.
Each step costs 1 and not to arrive `LOST` more, so that the return of an episode that arrives is minus its steps.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attnviz.core.rules import Soft
from attnviz.systems.acting.network import Actor, turned
from attnviz.systems.acting.scene import ACTIONS, SIZES
from attnviz.systems.acting.system import load
from attnviz.systems.acting.told import CARRYING, FEATURES, MOST, places
from attnviz.systems.acting.world import LAST_SEED, made
from attnviz.training.acting.many import SIDE, Many

LOST = 64
CELLS = SIDE * SIDE
KINDS = {"agent": 0.2, "late": 0.4, "noisy": 0.3, "random": 0.1}  # which share of the episodes
LATEST, NOISIEST = 45, 0.8
EPISODES = 16_384
LAYOUTS = 3_000  # of each size: those that agent-doorkey learnt in


@dataclass(frozen=True)
class Walks:
    """Episodes one after another: of each step its cells' features (-1: none) `[step, cell]`, whether it carries
    something, and the action; of each episode its first step, kind and return.
    """

    cells: NDArray[np.int16]
    carrying: NDArray[np.bool_]
    actions: NDArray[np.int8]
    first: NDArray[np.int64]
    kinds: NDArray[np.int8]
    returns: NDArray[np.int16]

    @classmethod
    def read(cls, file: Path) -> Walks:
        """What `write` wrote."""
        with np.load(file) as found:
            return cls(*(found[name] for name in cls.__dataclass_fields__))

    def write(self, file: Path) -> None:
        """Keep them in a file."""
        np.savez(file, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @property
    def facts(self) -> dict[str, Any]:
        """How many steps; of each kind how many episodes, the share that arrived, and the mean steps of those."""
        found: dict[str, list[float]] = {}
        for number, name in enumerate(KINDS):
            returns = self.returns[self.kinds == number]
            arrived = returns >= -MOST
            mean = float(-returns[arrived].mean()) if arrived.any() else 0.0
            share = float(arrived.mean()) if len(returns) else 0.0
            found[name] = [len(returns), round(share, 4), round(mean, 2)]
        return {"frames": len(self.actions), "behaviour": found}

    def states(self, rows: NDArray[Any]) -> torch.Tensor:
        """The states `[..., feature]` of some steps."""
        return spread(self.cells[rows], self.carrying[rows])


def spread(cells: NDArray[np.int16], carrying: NDArray[np.bool_]) -> torch.Tensor:
    """States `[..., feature]` of the features of their cells (-1: none) and of whether something is carried."""
    told_of = torch.from_numpy(cells.astype(np.int64))
    found = torch.zeros(*told_of.shape[:-1], FEATURES + 1)
    found.scatter_(-1, torch.where(told_of < 0, FEATURES, told_of), 1.0)
    found[..., CARRYING] = torch.from_numpy(carrying.astype(np.float32))
    return found[..., :FEATURES]


def told(many: Many) -> NDArray[np.int16]:
    """The features of all cells `[world, cell]`, -1 beyond the edge of a smaller world."""
    y, x = np.divmod(np.arange(CELLS), SIDE)
    right, down = x - many.column[:, None], y - many.row[:, None]
    turn = torch.from_numpy(np.repeat(many.direction[:, None], CELLS, axis=1))
    ahead, aside = turned(torch.from_numpy(right), torch.from_numpy(down), turn)
    cells = torch.from_numpy(many.cells.reshape(len(many.size), CELLS, 3))
    found = places(cells[..., 0], cells[..., 2], ahead, aside).numpy()
    there = (x < many.size[:, None]) & (y < many.size[:, None])
    return np.where(there, found, -1).astype(np.int16)


@torch.no_grad()
def walked(network: Actor, many: Many, kind: str, draw: np.random.Generator) -> list[Mapping[str, Any]]:
    """One episode in each of these worlds."""
    count = len(many.size)
    late = draw.integers(LATEST + 1, size=count) if kind == "late" else np.zeros(count, dtype=np.int64)
    noise = draw.uniform(0, NOISIEST, size=count) if kind == "noisy" else np.full(count, float(kind == "random"))
    live, kept, lengths = np.ones(count, dtype=bool), [], np.full(count, MOST)
    reached = np.zeros(count, dtype=bool)
    for step in range(MOST):
        cells, carrying = told(many), many.carrying[:, 0] >= 0
        chances = network(many.seen(words=False), Soft()).logits.softmax(-1)
        actions = torch.multinomial(chances, 1)[:, 0].numpy()
        blind = (step < late) | (draw.random(count) < noise)
        actions = np.where(blind, draw.integers(len(ACTIONS), size=count), actions)
        kept.append((cells, carrying, actions.astype(np.int8)))
        done, _ = many.step(actions)
        done = done.astype(bool)
        ended = live & done
        lengths[ended], reached[ended] = step + 1, True
        live &= ~done
        if not live.any():
            break
    each = [np.stack(one, axis=1) for one in zip(*kept, strict=True)]
    return [
        {"cells": each[0][n, :long], "carrying": each[1][n, :long], "actions": each[2][n, :long],
         "returns": -int(long) - (0 if reached[n] else LOST)}
        for n, long in enumerate(lengths)
    ]  # fmt: skip


def made_ways(episodes: int, seed: int, together: int = 512) -> Walks:
    """So many episodes of all kinds in worlds of all sizes."""
    torch.manual_seed(seed)
    draw, network = np.random.default_rng(seed), load("agent-doorkey").network
    scenes = [made("doorkey", size, LAST_SEED + 1 + n) for size in SIZES["doorkey"] for n in range(LAYOUTS)]
    pool, found = Many.of(scenes), []
    for number, (kind, share) in enumerate(KINDS.items()):
        for _ in range(round(episodes * share / together)):
            many = pool.some(draw.integers(len(scenes), size=together))
            found += [{**one, "kinds": number} for one in walked(network, many, kind, draw)]
    lengths = [len(one["actions"]) for one in found]
    joined = [np.concatenate([one[name] for one in found]) for name in ("cells", "carrying", "actions")]
    kinds, returns = (np.array([one[name] for one in found]) for name in ("kinds", "returns"))
    first = np.cumsum([0, *lengths[:-1]])
    cells, carrying, actions = joined
    return Walks(cells, carrying, actions, first, kinds.astype(np.int8), returns.astype(np.int16))


def main() -> None:
    """Make them, and say what they came to."""
    torch.set_num_threads(1)
    ways = made_ways(EPISODES, seed=1)
    ways.write(Path(sys.argv[1]))
    print(ways.facts)


if __name__ == "__main__":
    main()
