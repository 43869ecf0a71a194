"""How often does an agent arrive, by how many steps, and what does it lose without what its heads look at?

Everything is measured on worlds that minigrid moves, of seeds that no training used. An agent that does what it finds
likeliest goes round in a circle for ever once it has been in a state twice: it is then counted as not arrived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.rules import Rule, Soft
from attnviz.systems.acting.network import Actor
from attnviz.systems.acting.paths import shortest
from attnviz.systems.acting.scene import ACTIONS, SIZES, Scene
from attnviz.systems.acting.system import most_steps
from attnviz.systems.acting.world import act, start
from attnviz.training.acting.many import SIDE, Many

CELLS = SIDE * SIDE
FIRST = 10_000  # the first seed that is measured: those below were looked at while ways of training were chosen
Hidden = Callable[[Scene], Sequence[int]]  # the cells that are hidden in a scene, by its own numbers


@dataclass(frozen=True)
class Way:
    """How it acts: the rule, drawn by its probabilities or the likeliest, what is hidden and from which heads."""

    rule: Rule = field(default_factory=Soft)
    drawn: bool = False
    hidden: Hidden | None = None
    heads: tuple[int, ...] | None = None
    removed: int | None = None
    watched: bool = False  # add up what the heads look at, which takes as long as all the rest


@dataclass
class Played:
    """What came of some worlds: arrived or not, steps taken, steps of the shortest way; shares of weight by moment."""

    reached: list[bool]
    steps: list[int]
    shortest: list[int]
    shares: dict[str, dict[str, Tensor]]

    @property
    def success(self) -> float:
        """The share that arrived."""
        return float(np.mean(self.reached))

    @property
    def ratio(self) -> float:
        """Steps of those that arrived, as a multiple of the shortest ways' steps."""
        here = [number for number, one in enumerate(self.reached) if one]
        return sum(self.steps[n] for n in here) / max(1, sum(self.shortest[n] for n in here))


def worlds(task: str, many: int, *, size: int | None = None, unseen: bool = False) -> list[Scene]:
    """The worlds of the seeds from `FIRST` on; sizes in turn unless one is named."""
    sizes, seeds = SIZES[task], range(FIRST, FIRST + many)
    return [start(task, size or sizes[seed % len(sizes)], seed, unseen=unseen) for seed in seeds]


def moment(scene: Scene) -> str:
    """What a moment of an episode is called: before the key, with it, the door open; a task, before or carrying."""
    if scene.task != "doorkey":
        return scene.task + (" carrying" if scene.task == "putnext" and scene.carrying else "")
    shut = any(one.kind == "door" and one.state != "open" for one in scene.cells)
    return ("carrying" if scene.carrying else "before") if shut else "open"


@torch.no_grad()
def played(network: Actor, scenes: Sequence[Scene], way: Way = Way(), *, seed: int = 0) -> Played:
    """Let an agent act in all of these at once, until each has arrived, gone round in a circle or run out of steps."""
    ways = [_length(one) for one in scenes]
    live, now = list(range(len(scenes))), list(scenes)
    been: list[set[int]] = [set() for _ in scenes]
    sums: dict[str, dict[str, Tensor]] = defaultdict(lambda: defaultdict(lambda: torch.zeros(network.shape.heads)))
    counts: dict[str, int] = defaultdict(int)
    draw = torch.Generator().manual_seed(seed)
    while live:
        current = [now[one] for one in live]
        weights, actions = _step(network, current, way, draw)
        for place, (one, scene) in enumerate(zip(live, current, strict=True)):
            if way.watched:
                _add(sums[moment(scene)], weights[place], scene)
                counts[moment(scene)] += 1
            now[one] = act(scene, ACTIONS[actions[place]])
        live = [one for one in live if not _over(now[one], been[one], way.drawn)]
    shares = {name: {part: total / counts[name] for part, total in parts.items()} for name, parts in sums.items()}
    return Played(
        [one.ended == "reached" for one in now], [one.steps for one in now], ways, shares
    )  # fmt: skip


def _add(sums: dict[str, Tensor], weights: Float[Tensor, "head cell"], scene: Scene) -> None:
    """Add the weight on each part of a scene."""
    for name, cells in scene.parts.items():
        sums[name] += weights[:, _padded(scene, cells)].sum(-1)


def _step(
    network: Actor, scenes: Sequence[Scene], way: Way, draw: torch.Generator
) -> tuple[Float[Tensor, "world head cell"], list[int]]:
    """Where the heads look in each scene, and what the agent does."""
    seen, hidden = Many.of(scenes).seen(words=network.shape.words), _hidden(network, scenes, way)
    said = network(seen, way.rule, hidden, _kept(network, scenes, way))
    chances = said.logits.softmax(-1)
    actions = torch.multinomial(chances, 1, generator=draw)[:, 0] if way.drawn else chances.argmax(-1)
    return said.weights, actions.tolist()


@cache
def _length(scene: Scene) -> int:
    """Steps of the shortest way; every world here has one."""
    return len(shortest(scene) or ())


def _over(scene: Scene, been: set[int], drawn: bool) -> bool:
    """Has an episode ended, or come to where it was before and will come for ever?"""
    state = hash((scene.cells, scene.agent, scene.direction, scene.carrying))
    again = not drawn and state in been
    been.add(state)
    return bool(scene.ended) or again or scene.steps >= most_steps(scene)


def _padded(scene: Scene, cells: Sequence[int]) -> list[int]:
    """Numbers of a scene's cells in the square in which all sizes lie."""
    return [cell // scene.size * SIDE + cell % scene.size for cell in cells]


def _hidden(network: Actor, scenes: Sequence[Scene], way: Way) -> Bool[Tensor, "world head cell"] | None:
    """What is hidden from which heads."""
    if way.hidden is None:
        return None
    heads = torch.tensor(range(network.shape.heads) if way.heads is None else way.heads)
    found = torch.zeros(len(scenes), network.shape.heads, CELLS, dtype=torch.bool)
    for number, scene in enumerate(scenes):
        found[number, heads[:, None], _padded(scene, way.hidden(scene))] = True
    return found


def _kept(network: Actor, scenes: Sequence[Scene], way: Way) -> Float[Tensor, "world head"] | None:
    """0 for the head that answers nothing."""
    if way.removed is None:
        return None
    found = torch.ones(len(scenes), network.shape.heads)
    found[:, way.removed] = 0
    return found


def part(name: str) -> Hidden:
    """Hide a part of the scene, wherever it is."""
    return lambda scene: scene.parts.get(name, ())


def some_empty_cell(scene: Scene) -> tuple[int, ...]:
    """One cell that is empty now, the same at every step as long as it is: what hiding nothing of note does."""
    empty = scene.parts.get("empty", ())
    order = np.random.default_rng(scene.seed).permutation(len(scene.cells))
    return next(((int(one),) for one in order if one in empty), ())
