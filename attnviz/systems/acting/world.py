"""Worlds that minigrid makes and moves: DoorKey is its own, rooms with tasks in words are built of its parts."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attnviz.errors import ArgumentError, TextError, shown
from attnviz.systems.acting.paths import shortest
from attnviz.systems.acting.scene import (
    ACTIONS,
    AHEAD,
    ASKED_FOR,
    COLOURS,
    EMPTY,
    HELD_OUT,
    MOVABLE,
    SIZES,
    STATES,
    TASKS,
    Mission,
    Scene,
    Thing,
)  # fmt: skip

if TYPE_CHECKING:
    from attnviz.systems.acting.mini import MiniGridEnv

LAST_SEED = 999_999  # larger ones are those of the training
TRIES = 1_000
DOORS = 2  # in the outer wall of a room


def start(task: str, size: int, seed: int, *, unseen: bool = False) -> Scene:
    """The world of a seed before the first step; with `unseen` the mission names a pair of `HELD_OUT`.

    Raises `ArgumentError` for a task, a size or a seed that there is not.

    >>> start("goto", 6, 0).mission.text
    'go to the blue key'
    """
    if task not in TASKS:
        raise ArgumentError("acting_task", got=shown(task), tasks=", ".join(TASKS))
    if isinstance(size, bool) or size not in SIZES[task]:
        raise ArgumentError("acting_size", got=shown(size), first=SIZES[task][0], last=SIZES[task][-1])
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LAST_SEED:
        raise ArgumentError("acting_seed", got=shown(seed), last=LAST_SEED)
    return made(task, int(size), seed, unseen=unseen)


def scene_of(text: str) -> Scene:
    """The world that a text names: "doorkey 8 3", a task, a size and a seed. Raises `TextError`, `ArgumentError`.

    >>> scene_of("goto 6 0").mission.text
    'go to the blue key'
    """
    parts = str(text).split()
    if not parts:
        raise TextError("text_empty")
    if len(parts) != 3 or not all(one.isascii() and one.isdigit() and len(one) < 9 for one in parts[1:]):
        raise TextError("acting_text", text=shown(text))
    return start(parts[0], int(parts[1]), int(parts[2]))


def made(task: str, size: int, seed: int, *, unseen: bool = False, among: tuple[tuple[str, str], ...] = ()) -> Scene:
    """`start` for any seed; `among` are pairs that the mission's first thing is drawn from."""
    if task == "doorkey":
        from attnviz.systems.acting.mini import DoorKeyEnv

        env = DoorKeyEnv(size=size)
        env.reset(seed=seed)
        return _read(env, Scene(Mission(task), size, (), (0, 0), 0, seed=seed))
    import numpy as np

    draw = np.random.default_rng([seed, TASKS.index(task), size, int(unseen)])
    for _ in range(TRIES):
        scene = room(task, size, draw, HELD_OUT if unseen else among)
        if not scene.judged().ended and shortest(scene) is not None:
            return replace(scene, seed=seed)
    raise AssertionError("a room without a way a thousand times")


def act(scene: Scene, action: str) -> Scene:
    """The world after one action, by minigrid itself. Raises `ArgumentError` for no action, or after the end."""
    if action not in ACTIONS:
        raise ArgumentError("acting_action", got=shown(action), actions=", ".join(ACTIONS))
    if scene.ended:
        raise ArgumentError("acting_ended")
    if not scene.inside(scene.front):  # in a door of the outer wall; minigrid refuses every step from there
        turned = (scene.direction + {"left": -1, "right": 1}.get(action, 0)) % len(AHEAD)
        return _judged(scene, replace(scene, direction=turned, steps=scene.steps + 1))
    env = _environment(scene)
    env.step(ACTIONS.index(action))
    ahead = scene.cell(*scene.front)  # the one cell that a step can change
    thing = _thing(env.grid.get(*scene.front))
    cells = scene.cells if thing == scene.cells[ahead] else (*scene.cells[:ahead], thing, *scene.cells[ahead + 1 :])
    return _judged(scene, _standing(env, replace(scene, cells=cells, steps=scene.steps + 1)))


def _judged(before: Scene, after: Scene) -> Scene:
    """Has the step ended it? Fetching ends with whatever is taken, as in minigrid's Fetch."""
    if after.task == "putnext" and not (before.carrying and not after.carrying):
        return after
    found = after.judged()
    if after.task == "fetch" and after.carrying is not None and before.carrying is None and not found.ended:
        return replace(found, ended="lost")
    return found


def _environment(scene: Scene) -> Any:
    """minigrid's own environment in the state of a scene."""
    from attnviz.systems.acting.mini import GIVEN, Grid

    env = copy(GIVEN)
    env.width = env.height = scene.size
    env.grid = Grid(scene.size, scene.size)
    for number, thing in enumerate(scene.cells):
        if thing != EMPTY:
            env.grid.set(number % scene.size, number // scene.size, _object(thing))
    env.agent_pos, env.agent_dir, env.step_count = scene.agent, scene.direction, scene.steps
    env.carrying = None if scene.carrying is None else _object(scene.carrying)
    return env


def _object(thing: Thing) -> Any:
    """minigrid's object for a thing; None for an empty cell."""
    from attnviz.systems.acting.mini import COLOR_TO_IDX, OBJECT_TO_IDX, STONE, WorldObj

    if thing.kind == "wall":
        return STONE
    state = STATES.index(thing.state) if thing.state else 0
    return WorldObj.decode(OBJECT_TO_IDX[thing.kind], COLOR_TO_IDX[thing.colour or "grey"], state)


def _thing(found: Any) -> Thing:
    """What an object of minigrid is here."""
    if found is None:
        return EMPTY
    state = STATES[found.encode()[2]] if found.type == "door" else ""
    return Thing(found.type, found.color, state)


def _read(env: MiniGridEnv, scene: Scene) -> Scene:
    """A scene as the environment stands now."""
    cells = tuple(_thing(env.grid.get(x, y)) for y in range(env.height) for x in range(env.width))
    return _standing(env, replace(scene, cells=cells))


def _standing(env: MiniGridEnv, scene: Scene) -> Scene:
    """A scene with the agent as it stands in the environment, and what it carries."""
    place = int(env.agent_pos[0]), int(env.agent_pos[1])
    carried = None if env.carrying is None else _thing(env.carrying)
    return replace(scene, agent=place, direction=int(env.agent_dir), carrying=carried)


def room(task: str, size: int, draw: Any, among: tuple[tuple[str, str], ...]) -> Scene:
    """A room with things on its floor and doors in its wall, and something to do there.

    All things differ in colour or kind. Without `among` none of them is a pair of `HELD_OUT`.
    """
    pairs = [(colour, kind) for kind in ("door", *MOVABLE) for colour in COLOURS]
    pairs = [pair for pair in pairs if among or pair not in HELD_OUT]
    allowed = [pair for pair in among or pairs if pair[1] in ASKED_FOR[task]]
    wanted = [allowed[draw.integers(len(allowed))]]
    others = [pairs[number] for number in draw.permutation(len(pairs)) if pairs[number] != wanted[0]]
    things = [pair for pair in (*wanted, *others) if pair[1] != "door"][: size - 3]
    doors = [pair for pair in (*wanted, *others) if pair[1] == "door"][:DOORS]
    if task == "putnext":
        wanted.append(things[1])
    border = [(x, y) for x in range(size) for y in range(size) if x in (0, size - 1) or y in (0, size - 1)]
    sides = [(x, y) for x, y in border if (x in (0, size - 1)) != (y in (0, size - 1))]
    inner = [(x, y) for x in range(1, size - 1) for y in range(1, size - 1)]
    laid = {place: ("wall", "grey", "") for place in border}
    floor = [inner[number] for number in draw.permutation(len(inner))]
    for place, (colour, kind) in zip(floor, things, strict=False):
        laid[place] = (kind, colour, "")
    for number, (colour, kind) in zip(draw.permutation(len(sides)), doors, strict=False):
        laid[sides[number]] = (kind, colour, "closed")
    cells = tuple(Thing(*laid[x, y]) if (x, y) in laid else EMPTY for y in range(size) for x in range(size))
    words = [part for pair in wanted for part in pair]
    return Scene(Mission(task, *words), size, cells, floor[len(things)], int(draw.integers(4)))
