"""Train agent-tasks by proximal policy optimisation (Schulman et al. 2017), as `optimise.py` trains agent-doorkey.

    python -m attnviz.training.acting.tasks

Rooms of four tasks in words, none with a thing or a mission of `HELD_OUT`. The reward is 1 for arriving. The agent
begins anywhere in its room, now and then with something in its hands. Three things differ from what trains
agent-doorkey. The penalty on flat heads waits until half is over: first they find, then they sharpen. Later every
other round is played and learnt under hard attention (`OneAlone`), so that the agent arrives when each head sees one
cell too. And heads fall silent at random (dropout, Srivastava et al. 2014): a pair never seen together may mislead one
of them, and then the others must do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from attnviz.core.rules import Rule, Soft
from attnviz.systems.acting.network import Actor, Shape, told
from attnviz.systems.acting.scene import COLOURS, EMPTY, HELD_OUT, MOVABLE, SIZES, TASKS, Thing
from attnviz.systems.acting.world import LAST_SEED, made
from attnviz.training.acting import optimise
from attnviz.training.acting.many import Many, Numbers

ROOMS = tuple(task for task in TASKS if task != "doorkey")
HELD = np.array([told(Thing(kind, colour)) for kind in MOVABLE for colour in COLOURS if (colour, kind) not in HELD_OUT])
LONGEST = 80  # steps after which a room is given up


@dataclass(frozen=True)
class OneAlone(Rule):
    """Hard attention that passes the gradient of the softmax on (straight through, Bengio et al. 2013)."""

    def weigh(self, scores: Float[Tensor, "*batch query key"]) -> Float[Tensor, "*batch query key"]:
        soft = scores.softmax(-1)
        hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
        return hard + soft - soft.detach()


@dataclass(frozen=True)
class Recipe(optimise.Recipe):
    """How it is trained."""

    frames: int = 8_000_000
    worlds: int = 256
    steps: int = 32
    epochs: int = 3
    minibatch: int = 2_048
    last_entropy: float = 0.002
    sharpness: float = 0.03  # rising from 0 after `flat`
    flat: float = 0.5  # of the rounds, in which the heads may look at as much as they like
    alone: float = 0.6  # of the rounds, after which every other one is under hard attention
    layouts: int = 2_000  # of each task and size
    heads: int = 6
    silent: float = 0.15  # how often a head answers nothing, so that nothing hangs on a single one
    carrying: float = 0.1  # how often it begins with something in its hands where the task needs none
    begun: float = 0.3  # how often it begins with the thing that is to be put next to another

    def sharper(self, done: float) -> float:
        """The penalty on the weights' entropy when a share of the training is over."""
        return self.sharpness * max(0.0, done - self.flat) / (1 - self.flat)

    def way(self, number: int) -> optimise.Way:
        """How it looks in a round."""
        alone = number > self.alone * self.rounds and number % 2 == 0
        kept = (torch.rand(self.worlds, self.heads) >= self.silent).float()
        return optimise.Way(OneAlone() if alone else Soft(), kept)


class Runner(optimise.Runner):
    """Rooms in which the agent is at work."""

    def __init__(self, pool: Many, recipe: Recipe, draw: np.random.Generator) -> None:
        self.recipe = recipe
        super().__init__(pool, recipe.worlds, draw)

    def begin(self, where: Numbers) -> None:
        """Other rooms in some places, the agent on any empty cell, with empty hands or not."""
        super().begin(where)
        many, chance = self.many, self.draw.random(len(where))
        many.direction[where] = self.draw.integers(4, size=len(where))
        for one, luck in zip(where, chance, strict=True):
            empty = np.argwhere((many.cells[one] == told(EMPTY)).all(-1))
            many.row[one], many.column[one] = empty[self.draw.integers(len(empty))]
            task = TASKS[many.task[one]]
            if task in ("goto", "open") and luck < self.recipe.carrying:
                many.carrying[one] = HELD[self.draw.integers(len(HELD))]
            elif task == "putnext" and luck < self.recipe.begun:
                self._take(one)

    def _take(self, one: int) -> None:
        """Begin with the thing that is to be put next to another."""
        many = self.many
        named = (many.cells[one, ..., 1] == many.words[one, 0]) & (many.cells[one, ..., 0] == many.words[one, 1])
        row, column = np.argwhere(named)[0]
        many.carrying[one] = many.cells[one, row, column]
        many.cells[one, row, column] = told(EMPTY)

    @property
    def limit(self) -> Numbers:
        """After how many steps each is given up."""
        return np.full(len(self.many.size), LONGEST)

    @property
    def reward(self) -> NDArray[np.float64]:
        """1 for arriving, however late: gamma makes it less."""
        return np.ones(len(self.taken))


def rooms(recipe: Recipe) -> Many:
    """Rooms of every task and size that can be solved."""
    first = LAST_SEED + 1
    among = range(first, first + recipe.layouts)
    return Many.of([made(task, size, seed) for task in ROOMS for size in SIZES[task] for seed in among])


def begun(recipe: Recipe) -> tuple[Actor, Runner]:
    """A network that knows nothing, in such rooms."""
    torch.manual_seed(recipe.seed)
    runner = Runner(rooms(recipe), recipe, np.random.default_rng(recipe.seed))
    return Actor(Shape(words=True, heads=recipe.heads)), runner


def main() -> None:
    """Read the arguments and train."""
    torch.set_num_threads(1)
    recipe, folder = optimise.asked(Recipe, "agent-tasks", __doc__)
    optimise.train(recipe, folder, *begun(recipe))


if __name__ == "__main__":
    main()
