"""Many worlds at once in NumPy, moved as minigrid moves one (`tests/unit/training/test_acting.py` compares them).

Worlds of different sizes lie in the upper left of one square; beyond their edge stands nothing that can be entered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from attnviz.systems.acting.network import PARTS, REACH, STATE, Seen, one_hots, told, turned, words_of
from attnviz.systems.acting.scene import AHEAD, EMPTY, KINDS, STATES, TASKS, WALL, Scene

SIDE = REACH + 1
STEP = np.array(AHEAD)
EMPTY_, DOOR, KEY, BALL, BOX, GOAL = (KINDS.index(one) for one in ("empty", "door", "key", "ball", "box", "goal"))
OPEN, LOCKED = STATES.index("open"), STATES.index("locked")
Numbers = NDArray[np.int64]


@cache
def tables() -> tuple[torch.Tensor, torch.Tensor]:
    """The first three one-hots of every kind, colour and state (from -1), the other two of every cell from everywhere.

    To look them up takes a tenth of making them: `[8, 7, 4, first]`, `[row, column, direction, cell, rest]`.
    """
    kinds, colours, states = (torch.arange(-1, wide) for wide in PARTS[:3])
    grid = torch.meshgrid(kinds, colours, states, indexing="ij")
    none = torch.full_like(grid[0], -1)
    things = one_hots((*grid, none, none))[..., : sum(PARTS[:3])]
    side, turns = torch.arange(SIDE), torch.arange(len(AHEAD))
    row, column, turn, y, x = torch.meshgrid(side, side, turns, side, side, indexing="ij")
    ahead, right = (one.flatten(-2) + REACH for one in turned(x - column, y - row, turn))
    none = torch.full_like(ahead, -1)
    return things, one_hots((none, none, none, ahead, right))[..., sum(PARTS[:3]) :]


@dataclass
class Many:
    """Worlds `[world]`: cells `[world, row, column, 3]` as kind, colour, state; agents; the words of their missions.

    Changed by `step`, in which this alone of all that knows worlds is not frozen: copies of 64 worlds for each of a
    million steps would take longer than the steps.
    """

    cells: Numbers
    size: Numbers
    column: Numbers
    row: Numbers
    direction: Numbers
    carrying: Numbers
    task: Numbers
    words: Numbers

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> Many:
        """The same worlds in arrays."""
        cells = np.full((len(scenes), SIDE, SIDE, 3), told(WALL))
        for number, one in enumerate(scenes):
            laid = np.array([told(thing) for thing in one.cells]).reshape(one.size, one.size, 3)
            cells[number, : one.size, : one.size] = laid
        return cls(
            cells, np.array([one.size for one in scenes]), np.array([one.agent[0] for one in scenes]),
            np.array([one.agent[1] for one in scenes]), np.array([one.direction for one in scenes]),
            np.array([told(one.carrying) if one.carrying else (-1, -1, -1) for one in scenes]),
            np.array([TASKS.index(one.task) for one in scenes]),
            np.array([words_of(one.mission) for one in scenes]),
        )  # fmt: skip

    def some(self, which: Numbers) -> Many:
        """Copies of some of these worlds."""
        return Many(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def put(self, where: Numbers, other: Many, which: Numbers) -> None:
        """Begin anew in some places, with worlds of another lot."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[where] = getattr(other, name)[which]

    def ahead(self) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
        """Column and row of the cell ahead of each agent, and whether it is there."""
        column = self.column + STEP[self.direction, 0]
        row = self.row + STEP[self.direction, 1]
        there = (column >= 0) & (column < self.size) & (row >= 0) & (row < self.size)
        return np.where(there, column, 0), np.where(there, row, 0), there

    def step(self, actions: Numbers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """One action in each world: where the mission was accomplished `[world]`, and where it was lost."""
        number = np.arange(len(self.size))
        column, row, there = self.ahead()
        front = self.cells[number, row, column].copy()
        kind, held = front[:, 0], self.carrying[:, 0] >= 0
        self.direction = np.where(actions == 0, (self.direction - 1) % 4, self.direction)
        self.direction = np.where(actions == 1, (self.direction + 1) % 4, self.direction)
        walks = (actions == 2) & there & ((kind == EMPTY_) | (kind == GOAL) | ((kind == DOOR) & (front[:, 2] == OPEN)))
        self.column, self.row = np.where(walks, column, self.column), np.where(walks, row, self.row)
        takes = (actions == 3) & there & ~held & np.isin(kind, (KEY, BALL, BOX))
        drops = (actions == 4) & there & held & (kind == EMPTY_)
        fits = (self.carrying[:, 0] == KEY) & (self.carrying[:, 1] == front[:, 1])
        turns = (actions == 5) & there & (kind == DOOR) & ((front[:, 2] != LOCKED) | fits)
        breaks = (actions == 5) & there & (kind == BOX)
        after = np.where(drops[:, None], self.carrying, front)
        after[takes | breaks] = told(EMPTY)
        after[turns, 2] = np.where(front[turns, 2] == OPEN, STATES.index("closed"), OPEN)
        self.cells[number, row, column] = after
        self.carrying = np.where(takes[:, None], front, self.carrying)
        self.carrying[drops] = -1
        return self._judged(takes, drops, turns, column, row)

    def _judged(
        self,
        takes: NDArray[np.bool_],
        drops: NDArray[np.bool_],
        turns: NDArray[np.bool_],
        column: Numbers,
        row: Numbers,
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Accomplished, lost."""
        number = np.arange(len(self.size))
        on = self.cells[number, self.row, self.column, 0]
        x, y, there = self.ahead()
        front, changed = self.cells[number, y, x], self.cells[number, row, column]
        right = self._names(self.carrying, 0)
        beside = self._beside(column, row) & self._names(changed, 0)
        found = np.select(
            [self.task == TASKS.index(task) for task in TASKS],
            [on == GOAL, there & self._names(front, 0), takes & right,
             turns & self._names(changed, 0) & (changed[:, 2] == OPEN), drops & beside],
        )  # fmt: skip
        return found, (self.task == TASKS.index("fetch")) & takes & ~right

    def _names(self, things: Numbers, first: int) -> NDArray[np.bool_]:
        """Are things `[world, 3]` what the words from `first` on name?"""
        found: NDArray[np.bool_] = (things[:, 1] == self.words[:, first]) & (things[:, 0] == self.words[:, first + 1])
        return found

    def _beside(self, column: Numbers, row: Numbers) -> NDArray[np.bool_]:
        """Does the mission's other thing lie next to a cell?"""
        number, found = np.arange(len(self.size)), np.zeros(len(self.size), dtype=bool)
        for dx, dy in AHEAD:
            x, y = column + dx, row + dy
            there = (x >= 0) & (x < SIDE) & (y >= 0) & (y < SIDE)
            found |= there & self._names(self.cells[number, y % SIDE, x % SIDE], 2)
        return found

    def seen(self, *, words: bool) -> Seen:
        """The worlds as a network is given them."""
        number = np.arange(len(self.size))
        cells = self.cells.copy()
        held = self.carrying[:, 0] >= 0
        if words:
            cells[number[held], self.row[held], self.column[held]] = self.carrying[held]
        y, x = np.divmod(np.arange(SIDE * SIDE), SIDE)
        there = torch.from_numpy((x < self.size[:, None]) & (y < self.size[:, None]))
        things, places = tables()
        told_of = things[torch.from_numpy(cells + 1).flatten(1, 2).unbind(-1)]
        stands = places[torch.from_numpy(self.row), torch.from_numpy(self.column), torch.from_numpy(self.direction)]
        whole = torch.cat([told_of, stands], dim=-1)
        return Seen(whole, self._state(held, words), torch.from_numpy(self.words.copy()), there)

    def _state(self, held: NDArray[np.bool_], words: bool) -> torch.Tensor:
        """Task, direction, carrying or not, as `network.state_of`."""
        found = torch.zeros(len(self.size), STATE)
        number = torch.arange(len(self.size))
        found[number, torch.from_numpy(self.task)] = 1
        if not words:
            found[number, torch.from_numpy(self.direction) + len(TASKS)] = 1
        found[:, -1] = torch.from_numpy(held).float()
        return found
