"""Train agent-tasks by imitation of shortest ways (as in DAgger, Ross et al. 2011).

    python -m attnviz.training.acting.imitate

The agent acts by its own probabilities in many rooms at once (`many.py`), from random places, and in every state that
it comes to it is told which actions begin a shortest way (`systems/acting/paths.py`): the loss is the negative log of
the probability that they have together. A room in which it changes something without need is given up. No room has a
thing or a mission of `HELD_OUT`. A penalty on the entropy of the heads' weights rises while it learns, and after a
while every other round each head sees only what it looks at most (`OneAlone`): without that the agent arrives as
often, but in only two thirds of the rooms under hard attention. Heads fall silent at random (dropout, Srivastava et
al. 2014): a pair never seen together may mislead one of them, and then the others must do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from attnviz.core.rules import Rule, Soft
from attnviz.systems.acting.network import Actor, Shape, told
from attnviz.systems.acting.paths import FAR, Phase, distances, phases
from attnviz.systems.acting.scene import ACTIONS, AHEAD, COLOURS, HELD_OUT, MOVABLE, SIZES, TASKS, Scene, Thing
from attnviz.systems.acting.world import LAST_SEED, room
from attnviz.training import loop
from attnviz.training.acting.many import SIDE, Many, Numbers
from attnviz.training.acting.optimise import asked, entropy_of, write

ROOMS = tuple(task for task in TASKS if task != "doorkey")


HELD = [Thing(kind, colour) for kind in MOVABLE for colour in COLOURS if (colour, kind) not in HELD_OUT]


@dataclass(frozen=True)
class Recipe:
    """How it is trained."""

    heads: int = 6
    rounds: int = 8_000
    worlds: int = 512
    rate: float = 2e-3
    last_rate: float = 1e-5
    gamma: float = 0.97
    decay: float = 0.02
    silent: float = 0.15  # how often a head answers nothing, so that nothing hangs on a single one
    sharpness: float = 0.08  # the penalty on the weights' entropy, rising from 0
    alone: float = 0.3  # of the rounds, after which every other one is under hard attention
    layouts: int = 2_000  # of each task and size
    carrying: float = 0.1  # how often it begins with something in its hands where the task needs none
    seed: int = 1


@dataclass(frozen=True)
class OneAlone(Rule):
    """Hard attention that passes the gradient of the softmax on (straight through, Bengio et al. 2013)."""

    def weigh(self, scores: Float[Tensor, "*batch query key"]) -> Float[Tensor, "*batch query key"]:
        soft = scores.softmax(-1)
        hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
        return hard + soft - soft.detach()


@dataclass(frozen=True)
class Lessons:
    """Rooms; the best actions in every state as bits `[room, phase, row, column, direction]`, and the steps to go."""

    pool: Many
    best: NDArray[np.uint8]
    steps: NDArray[np.int32]


def lessons(recipe: Recipe) -> Lessons:
    """Rooms that can be solved, with what is best everywhere in them."""
    scenes, best, steps = list[Scene](), [], []
    draw = np.random.default_rng(LAST_SEED + recipe.seed)
    for task in ROOMS:
        for size in SIZES[task]:
            rooms = [room(task, size, draw, ()) for _ in range(recipe.layouts)]
            found = solved(rooms)
            open_ = [number for number, one in enumerate(found[0][:, 0]) if one.any()]
            scenes += [rooms[number] for number in open_]
            best.append(found[0][open_])
            steps.append(found[1][open_])
    return Lessons(Many.of(scenes), np.concatenate(best), np.concatenate(steps))


def solved(rooms: Sequence[Scene]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """`Lessons.best` and `.steps` of rooms of one size and task."""
    each = [phases(one) for one in rooms]
    way = [
        Phase(np.stack([one.free for one in same]), np.stack([one.ends for one in same]), same[0].action)
        for same in zip(*each, strict=True)
    ]
    tables = distances(way)
    best = np.zeros((len(rooms), 2, SIDE, SIDE, len(AHEAD)), dtype=np.uint8)
    steps = np.full(best.shape, FAR, dtype=np.int32)
    size = rooms[0].size
    rest = [*tables[1:], np.zeros_like(tables[-1])]
    for number, (phase, table, after) in enumerate(zip(way, tables, rest, strict=True)):
        steps[:, number, :size, :size] = table
        best[:, number, :size, :size] = bits(phase, table, after)
    return best, steps


def bits(phase: Phase, table: NDArray[np.int32], after: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Which actions lead one step nearer, from every state: bit n for `ACTIONS[n]`."""
    found = np.zeros(table.shape, dtype=np.uint8)
    size = table.shape[-2]
    edged = np.pad(np.where(phase.free[..., None], table, FAR), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=FAR)
    for turn, (dx, dy) in enumerate(AHEAD):
        options = [
            table[..., (turn - 1) % 4], table[..., (turn + 1) % 4],
            edged[:, 1 + dy : 1 + dy + size, 1 + dx : 1 + dx + size, turn],
        ]  # fmt: skip
        for number, one in enumerate(options):
            found[..., turn] |= ((one == table[..., turn] - 1).astype(np.uint8) << number).astype(np.uint8)
    if phase.action:
        ends = phase.ends & (after + 1 == table)
        found |= (ends.astype(np.uint8) << ACTIONS.index(phase.action)).astype(np.uint8)
    return np.where(table < FAR, found, 0).astype(np.uint8)


class Class:
    """Rooms in which the agent is at work, begun anew when they end."""

    def __init__(self, recipe: Recipe, given: Lessons, draw: np.random.Generator) -> None:
        self.recipe, self.given, self.draw = recipe, given, draw
        self.room = np.zeros(recipe.worlds, dtype=np.int64)
        self.taken = np.zeros(recipe.worlds, dtype=np.int64)
        self.needed = np.zeros(recipe.worlds, dtype=np.int64)
        self.ended: list[tuple[bool, int, int]] = []
        self.many = given.pool.some(self.room)
        self.begin(np.arange(recipe.worlds))

    def begin(self, where: Numbers) -> None:
        """Other rooms in some places, the agent on any cell from which there is a way."""
        many, given = self.many, self.given
        which = self.draw.integers(len(given.pool.size), size=len(where))
        many.put(where, given.pool, which)
        self.room[where], self.taken[where] = which, 0
        for one in where:
            table = given.steps[self.room[one], 0]
            states = np.argwhere((table < FAR) & (table > 0))
            many.row[one], many.column[one], many.direction[one] = states[self.draw.integers(len(states))]
            if TASKS[many.task[one]] in ("goto", "open") and self.draw.random() < self.recipe.carrying:
                many.carrying[one] = told(HELD[self.draw.integers(len(HELD))])
        self.needed[where] = self.table()[where]

    def phase(self) -> Numbers:
        """1 where the thing to be laid down is carried."""
        put = self.many.task == TASKS.index("putnext")
        found_: Numbers = (put & (self.many.carrying[:, 0] >= 0)).astype(np.int64)
        return found_

    def table(self) -> Numbers:
        """Steps to go."""
        many = self.many
        return self.given.steps[self.room, self.phase(), many.row, many.column, many.direction].astype(np.int64)

    def right(self) -> NDArray[np.bool_]:
        """Which actions are best `[world, action]`?"""
        many = self.many
        found = self.given.best[self.room, self.phase(), many.row, many.column, many.direction]
        found_: NDArray[np.bool_] = (found[:, None] >> np.arange(len(ACTIONS))) & 1 == 1
        return found_

    def step(self, actions: Numbers) -> None:
        """Act; a room is given up where something was changed without need."""
        spoilt = (actions >= 3) & ~self.right()[np.arange(len(actions)), actions]
        done, _ = self.many.step(actions)
        self.taken += 1
        over = done | spoilt | (self.taken >= 60)
        for one in np.flatnonzero(over):
            self.ended.append((bool(done[one]), int(self.taken[one]), int(self.needed[one])))
        self.begin(np.flatnonzero(over))


def train(recipe: Recipe, folder: Path) -> Actor:
    """Train, telling now and then how it goes; the folder is written over every 1,000 rounds."""
    torch.manual_seed(recipe.seed)
    network = Actor(Shape(words=True, heads=recipe.heads))
    work = Class(recipe, lessons(recipe), np.random.default_rng(recipe.seed))
    print(f"{len(work.given.pool.size)} rooms", flush=True)

    def say(now: loop.Now) -> None:
        recent, work.ended = work.ended, []
        arrived = [(steps, needed) for reached, steps, needed in recent if reached]
        longer = sum(one[0] for one in arrived) / max(1, sum(one[1] for one in arrived))
        ended = f"{len(arrived)} of {len(recent)} arrived, {longer:.3f} times the shortest"
        print(f"{now.step}/{recipe.rounds} {now.seconds:.0f} s: {ended}, {now}", flush=True)

    loop.train(
        loop.adamw(network, rate=recipe.rate, decay=recipe.decay), count(), partial(losses, network, work, recipe),
        loop.Course(recipe.rounds, recipe.rate, partial(rate_at, recipe=recipe), {"value": 0.5, "heads": 0.0}),
        loop.Every(250, say),
        loop.Every(1_000, lambda now: write(folder, network, recipe, now.seconds), last=True),
    )  # fmt: skip
    return network


def rate_at(step: int, recipe: Recipe) -> float:
    """The share of the full learning rate at a step: along a cosine to the last rate."""
    last = recipe.last_rate / recipe.rate
    return last + (1 - last) * loop.cosine(step, steps=recipe.rounds)


def losses(network: Actor, work: Class, recipe: Recipe, number: int) -> dict[str, Tensor]:
    """The loss of a round by part, and the entropy of the heads; the agent then acts."""
    done = number / recipe.rounds
    alone = done > recipe.alone and number % 2 == 0
    right, steps = torch.from_numpy(work.right()), torch.from_numpy(work.table())
    kept = (torch.rand(recipe.worlds, recipe.heads) >= recipe.silent).float()
    said = network(work.many.seen(words=True), OneAlone() if alone else Soft(), kept=kept)
    logs = said.logits.log_softmax(-1)
    flat = entropy_of(said.weights)
    work.step(torch.multinomial(logs.detach().exp(), 1)[:, 0].numpy())
    found = {
        "missed": -logs.masked_fill(~right, -torch.inf).logsumexp(-1).mean(),
        "value": (said.value - recipe.gamma ** (steps - 1).float()).square().mean(), "heads": flat.detach(),
    }  # fmt: skip
    return found if alone else {**found, "sharp": recipe.sharpness * done * flat}


def main() -> None:
    """Read the arguments and train."""
    torch.set_num_threads(1)
    train(*asked(Recipe, "agent-tasks", __doc__))


if __name__ == "__main__":
    main()
