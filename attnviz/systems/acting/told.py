"""What a Decision Transformer is told of a world: one row of numbers, the world as the agent stands in it.

A number for each of walls, key, goal and the door (open, closed, locked) at each place ahead, behind and to either side
of the agent, 1 where it lies there; and one for what it carries.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.systems.acting.network import REACH, SIDE, turned
from attnviz.systems.acting.scene import ACTIONS, KINDS, STATES, Scene, Thing

MOST = 64  # steps of an episode, all of which are kept in view
UNIT = 10.0  # steps that a return of 1 stands for
PLANES = (
    ("wall", ""), ("key", ""), ("goal", ""), *(("door", state) for state in STATES)
)  # what is told of, a table of places each  # fmt: skip
PLACES = SIDE * SIDE
FEATURES = len(PLANES) * PLACES + 1
CARRYING = FEATURES - 1
PLANE_OF = torch.full((len(KINDS), len(STATES) + 1), -1)  # by kind and state (0: none)
for _number, (_kind, _open) in enumerate(PLANES):
    PLANE_OF[KINDS.index(_kind), STATES.index(_open) + 1 if _open else 0] = _number


def places(
    kinds: Int64[Tensor, "*batch cell"], states: Int64[Tensor, "*batch cell"], ahead: Int64[Tensor, "*batch cell"],
    right: Int64[Tensor, "*batch cell"],
) -> Int64[Tensor, "*batch cell"]:  # fmt: skip
    """Which number each cell is told by; -1 for an empty one. States count from 0, -1 for none."""
    plane = PLANE_OF[kinds, states + 1]
    return torch.where(plane >= 0, plane * PLACES + (ahead + REACH) * SIDE + right + REACH, -1)


@lru_cache(maxsize=256)  # 5 kB each: at every step the network is told of all scenes so far
def state_of(scene: Scene) -> Float[Tensor, " feature"]:
    """A scene as the network is told it."""
    cells = [(KINDS.index(one.kind), _state(one)) for one in scene.cells]
    kinds, states = torch.tensor(cells).unbind(-1)
    number = torch.arange(len(cells))
    ahead, right = turned(
        number % scene.size - scene.agent[0], number // scene.size - scene.agent[1], torch.tensor(scene.direction)
    )
    found, lit = torch.zeros(FEATURES), places(kinds, states, ahead, right)
    found[lit[lit >= 0]] = 1
    found[CARRYING] = float(scene.carrying is not None)
    return found


def _state(thing: Thing) -> int:
    return STATES.index(thing.state) if thing.state else -1


def action_of(name: str) -> Float[Tensor, " action"]:
    """An action as a one-hot."""
    found = torch.zeros(len(ACTIONS))
    found[ACTIONS.index(name)] = 1
    return found
