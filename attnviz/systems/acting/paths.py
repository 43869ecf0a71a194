"""The shortest way to the end of a mission, by breadth-first search backwards over places, directions and phases.

A phase ends with one action: the key or the thing is taken, the door opened, the thing laid down; between, the agent
turns and walks where the cells are free. It walks round things and never clears them away, so of a world whose way
leads only through things moved aside it says that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.systems.acting.scene import AHEAD, EMPTY, Scene

FAR = 9_999


@dataclass(frozen=True)
class Phase:
    """`free` [row, column] may be stood on, `ends` [row, column, direction] is where `action` ends it ("": itself)."""

    free: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    action: str

    @property
    def cost(self) -> int:
        """Steps that its end takes."""
        return int(bool(self.action))


def ahead(grid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of a mark on each cell [row, column]: is the cell ahead marked? [row, column, direction]; outside it is not."""
    edged = np.pad(grid, 1)
    rows, columns = grid.shape
    return np.stack(
        [edged[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns] for dx, dy in AHEAD], axis=-1
    )  # fmt: skip


def phases(scene: Scene) -> list[Phase]:
    """What is still to be done in a scene, in order; [] where it cannot be done with what is there."""
    return {
        "doorkey": _door_key, "goto": _go_to, "fetch": _fetch, "open": _open, "putnext": _put_next
    }[scene.task](scene)  # fmt: skip


def distances(way: list[Phase]) -> list[NDArray[np.int32]]:
    """Steps to the end [row, column, direction] from every state of every phase; `FAR` where there is no way.

    Of several worlds of one size at once where the phases have another axis before.
    """
    after = np.zeros(way[-1].ends.shape, dtype=np.int32)
    found = []
    for phase in reversed(way):
        ends = phase.ends & phase.free[..., None]
        steps = np.where(ends, np.minimum(FAR, after + phase.cost), FAR).astype(np.int32)
        after = _relaxed(steps, phase.free)
        found.append(after)
    return found[::-1]


def _relaxed(steps: NDArray[np.int32], free: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The fixed point of: one more than the best of what a turn or a step ahead leads to."""
    edge = [(0, 0)] * (steps.ndim - 3) + [(1, 1), (1, 1), (0, 0)]
    rows, columns = free.shape[-2:]
    while True:
        best = np.minimum(np.roll(steps, 1, axis=-1), np.roll(steps, -1, axis=-1))
        walked = np.pad(np.where(free[..., None], steps, FAR), edge, constant_values=FAR)
        for turn, (dx, dy) in enumerate(AHEAD):
            moved = walked[..., 1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns, turn]
            best[..., turn] = np.minimum(best[..., turn], moved)
        new = np.where(free[..., None], np.minimum(steps, best + 1), FAR).astype(np.int32)
        if np.array_equal(new, steps):
            return new
        steps = new


def shortest(scene: Scene) -> tuple[str, ...] | None:
    """The actions of one shortest way from here to the end; () where it has been reached, None where there is no way.

    >>> from attnviz.systems.acting.world import start
    >>> len(shortest(start("doorkey", 5, 0)))
    11
    """
    if scene.ended:
        return () if scene.ended == "reached" else None
    way = phases(scene)
    if not way:
        return None
    tables, state = distances(way), (*scene.agent[::-1], scene.direction)
    taken: list[str] = []
    if tables[0][state] >= FAR:
        return None
    for phase, table, after in zip(way, tables, [*tables[1:], np.zeros_like(tables[-1])], strict=True):
        while not (phase.ends[state] and table[state] == after[state] + phase.cost):
            action, state = _next(table, state)
            taken.append(action)
        if phase.action:
            taken.append(phase.action)
    return tuple(taken)


def _next(table: NDArray[np.int32], state: tuple[int, int, int]) -> tuple[str, tuple[int, int, int]]:
    """The turn or step that leads furthest down a table, and the state after it."""
    row, column, turn = state
    dx, dy = AHEAD[turn]
    options = {
        "left": (row, column, (turn - 1) % 4), "right": (row, column, (turn + 1) % 4),
        "forward": (row + dy, column + dx, turn),
    }  # fmt: skip
    return min(options.items(), key=lambda one: _steps(table, one[1]))


def _steps(table: NDArray[np.int32], state: tuple[int, int, int]) -> int:
    rows, columns = table.shape[:2]
    return int(table[state]) if 0 <= state[0] < rows and 0 <= state[1] < columns else FAR


def _marks(scene: Scene, *named: tuple[str, str]) -> NDArray[np.bool_]:
    """Which cells [row, column] hold one of these colours and kinds?"""
    return np.array([one.named in named for one in scene.cells]).reshape(scene.size, scene.size)


def _free(scene: Scene) -> NDArray[np.bool_]:
    """Which cells may be stood on?"""
    found = [one.kind in ("empty", "goal") or one.state == "open" for one in scene.cells]
    return np.array(found).reshape(scene.size, scene.size)


def _door_key(scene: Scene) -> list[Phase]:
    kinds = np.array([one.kind for one in scene.cells]).reshape(scene.size, scene.size)
    key, door, goal = (kinds == kind for kind in ("key", "door", "goal"))
    locked = any(one.state == "locked" for one in scene.cells)
    shut = any(one.kind == "door" and one.state != "open" for one in scene.cells)
    if not goal.any():
        return []
    way = []
    free = _free(scene)
    held = scene.carrying is not None and scene.carrying.kind == "key"
    last = Phase(free | door, np.broadcast_to(goal[..., None], (*goal.shape, 4)), "")
    if not shut:
        return [last]
    straight = Phase(free, last.ends, "")  # a wall was taken away: the goal can be reached without the door
    if distances([straight])[0][(*scene.agent[::-1], scene.direction)] < FAR:
        return [straight]
    if locked and not held:
        if not key.any():
            return []
        way.append(Phase(free, ahead(key), "pickup"))
        free = free | key
    return [*way, Phase(free, ahead(door), "toggle"), Phase(free | door, last.ends, "")]


def _go_to(scene: Scene) -> list[Phase]:
    return [Phase(_free(scene), ahead(_marks(scene, *scene.mission.wanted)), "")]


def _fetch(scene: Scene) -> list[Phase]:
    return [] if scene.carrying else [Phase(_free(scene), ahead(_marks(scene, *scene.mission.wanted)), "pickup")]


def _open(scene: Scene) -> list[Phase]:
    return [Phase(_free(scene), ahead(_marks(scene, *scene.mission.wanted)), "toggle")]


def _put_next(scene: Scene) -> list[Phase]:
    thing, other = scene.mission.wanted
    free, held, way = _free(scene), scene.carrying, []
    lying = np.array([one == EMPTY for one in scene.cells]).reshape(scene.size, scene.size)
    if held is not None and held.named != thing:
        way.append(Phase(free, ahead(lying), "drop"))  # what it carries first, wherever: a lower bound
    if held is None or held.named != thing:
        taken = _marks(scene, thing)
        if not taken.any():
            return []
        way.append(Phase(free, ahead(taken), "pickup"))
        free, lying = free | taken, lying | taken
    beside = ahead(_marks(scene, other)).any(axis=-1)
    return [*way, Phase(free, ahead(lying & beside), "drop")]


def length(scene: Scene) -> int | None:
    """How many steps the shortest way has; None where there is none."""
    way = shortest(scene)
    return None if way is None else len(way)
