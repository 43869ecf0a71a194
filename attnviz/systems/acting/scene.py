"""A world at one moment: what lies on which cell, where the agent stands, what it carries, what it is to do.

Kinds, colours, states and directions are those of minigrid (Chevalier-Boisvert et al. 2023). A place is (column, row)
from the upper left, as minigrid's (x, y); a cell's number counts row by row. Nothing here is ever changed: an edit
hands back another scene, or says in a sentence why it cannot be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from attnviz.errors import ArgumentError, shown
from attnviz.threads import cached_property

TASKS = ("doorkey", "goto", "fetch", "open", "putnext")
SIZES = {task: (5, 6, 7, 8) if task == "doorkey" else (6, 7, 8) for task in TASKS}
ACTIONS = ("left", "right", "forward", "pickup", "drop", "toggle")
KINDS = ("empty", "wall", "door", "key", "ball", "box", "goal")
COLOURS = ("red", "green", "blue", "purple", "yellow", "grey")
STATES = ("open", "closed", "locked")
MOVABLE = ("key", "ball", "box")
AHEAD = ((1, 0), (0, 1), (-1, 0), (0, -1))  # what is in front, by direction: right, down, left, up
ASKED_FOR = {
    "doorkey": (), "goto": ("door", *MOVABLE), "fetch": MOVABLE, "open": ("door",), "putnext": MOVABLE
}  # fmt: skip
HELD_OUT = (
    ("red", "ball"), ("yellow", "ball"), ("green", "key"), ("grey", "key"), ("blue", "box"), ("purple", "door")
)  # fmt: skip
"""A colour and a kind that no world of the training had together, neither as a thing nor in words."""


class Thing(NamedTuple):
    """What lies on a cell; `state` is a door's: open, closed or locked."""

    kind: str
    colour: str = ""
    state: str = ""

    @property
    def named(self) -> tuple[str, str]:
        """What words say of it: colour and kind."""
        return self.colour, self.kind


EMPTY, WALL, GOAL = Thing("empty"), Thing("wall", "grey"), Thing("goal", "green")


@dataclass(frozen=True)
class Mission:
    """What is to be done: a task and, where it is told in words, the thing; of "put next to" the other thing as well.

    >>> Mission("putnext", "red", "ball", "blue", "key").text
    'put the red ball next to the blue key'
    """

    task: str
    colour: str = ""
    kind: str = ""
    colour2: str = ""
    kind2: str = ""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ArgumentError("acting_task", got=shown(self.task), tasks=", ".join(TASKS))
        kinds = ASKED_FOR[self.task]
        pairs = ((self.colour, self.kind), (self.colour2, self.kind2))
        many = {"doorkey": 0, "putnext": 2}.get(self.task, 1)
        fit = all(colour in COLOURS and kind in kinds for colour, kind in pairs[:many])
        if not fit or any(part for pair in pairs[many:] for part in pair) or (many == 2 and pairs[0] == pairs[1]):
            raise ArgumentError("acting_mission", task=self.task, got=shown(" ".join(" ".join(pair) for pair in pairs)))

    @property
    def wanted(self) -> tuple[tuple[str, str], ...]:
        """The things that it names, each a colour and a kind."""
        return tuple(pair for pair in ((self.colour, self.kind), (self.colour2, self.kind2)) if pair[1])

    @property
    def text(self) -> str:
        """The mission in English, as minigrid would say it."""
        one = f"the {self.colour} {self.kind}"
        return {
            "doorkey": "use the key to open the door and then get to the goal", "goto": f"go to {one}",
            "fetch": f"fetch {one}", "open": f"open {one}",
            "putnext": f"put {one} next to the {self.colour2} {self.kind2}",
        }[self.task]  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A world at one moment; `ended` is "" while it goes on, "reached", or "lost" where another thing was fetched."""

    mission: Mission
    size: int
    cells: tuple[Thing, ...]
    agent: tuple[int, int]
    direction: int
    carrying: Thing | None = None
    steps: int = 0
    seed: int | None = None
    ended: str = ""

    @property
    def task(self) -> str:
        """What kind of mission it is."""
        return self.mission.task

    @property
    def rows(self) -> tuple[tuple[Thing, ...], ...]:
        """The cells by row and column."""
        return tuple(self.cells[first : first + self.size] for first in range(0, len(self.cells), self.size))

    @property
    def front(self) -> tuple[int, int]:
        """The place ahead of the agent; outside the world where it stands in a door of the outer wall."""
        ahead = AHEAD[self.direction]
        return self.agent[0] + ahead[0], self.agent[1] + ahead[1]

    def inside(self, place: tuple[int, int]) -> bool:
        """Is there such a cell?"""
        return 0 <= place[0] < self.size and 0 <= place[1] < self.size

    def cell(self, column: int, row: int) -> int:
        """The number of a cell. Raises `ArgumentError` outside the world."""
        whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (column, row))
        if not whole or not self.inside((column, row)):
            raise ArgumentError("acting_outside", got=shown((column, row)), last=self.size - 1)
        return row * self.size + column

    def at(self, column: int, row: int) -> Thing:
        """What lies there. Raises `ArgumentError` outside the world."""
        return self.cells[self.cell(column, row)]

    @cached_property
    def parts(self) -> Mapping[str, tuple[int, ...]]:
        """Which cells are key, door, goal, target, ...? Every cell is in one part; "here" is the agent's own."""
        found: dict[str, list[int]] = defaultdict(list)
        for number, thing in enumerate(self.cells):
            found[self._part(number, thing)].append(number)
        return {name: tuple(numbers) for name, numbers in found.items()}

    def _part(self, number: int, thing: Thing) -> str:
        if number == self.cell(*self.agent):
            return "here"
        if thing.kind in ("wall", "empty") or self.task == "doorkey":
            return thing.kind
        wanted = self.mission.wanted
        return ("target", "beside")[wanted.index(thing.named)] if thing.named in wanted else "other"

    def toggle_wall(self, column: int, row: int) -> Scene:
        """Put a wall onto an empty cell, or take one away. Raises `ArgumentError` where that cannot be."""
        number = self._inner(column, row)
        thing = self.cells[number]
        if thing.kind not in ("wall", "empty"):
            raise ArgumentError("acting_taken", column=column, row=row)
        if (column, row) == self.agent:
            raise ArgumentError("acting_agent_there", column=column, row=row)
        return self._with({number: EMPTY if thing == WALL else WALL})

    def move(self, start: tuple[int, int], end: tuple[int, int]) -> Scene:
        """Lay a thing onto an empty cell inside. Raises `ArgumentError` where that cannot be.

        Keys, balls, boxes, and in DoorKey the goal; the doors stay in their walls.
        """
        taken, number = self.cell(*start), self._inner(*end)
        thing = self.cells[taken]
        if thing.kind in ("wall", "empty"):
            raise ArgumentError("acting_nothing_there", column=start[0], row=start[1])
        if thing.kind == "door":
            raise ArgumentError("acting_not_movable")
        if end == self.agent:
            raise ArgumentError("acting_agent_there", column=end[0], row=end[1])
        if self.cells[number] != EMPTY:
            raise ArgumentError("acting_taken", column=end[0], row=end[1])
        return self._with({taken: EMPTY, number: thing})

    def put_agent(self, column: int, row: int, direction: int | None = None) -> Scene:
        """Let the agent stand on an empty cell inside. Raises `ArgumentError` where that cannot be."""
        number = self._inner(column, row)
        if self.cells[number].kind != "empty":
            raise ArgumentError("acting_taken", column=column, row=row)
        turned = self.direction if direction is None else direction
        if turned not in range(len(AHEAD)):
            raise ArgumentError("acting_direction", got=shown(direction))
        return replace(self, agent=(column, row), direction=turned).judged()

    def with_mission(self, mission: Mission) -> Scene:
        """The same world with something else to do. Raises `ArgumentError` where what it names is not there."""
        held = [] if self.carrying is None else [self.carrying]
        there = {thing.named for thing in [*self.cells, *held]}
        needed = {("green", "goal")} if mission.task == "doorkey" else set(mission.wanted)
        for colour, kind in needed - there:
            raise ArgumentError("acting_not_there", colour=colour, kind=kind)
        return replace(self, mission=mission, ended="").judged()

    def judged(self) -> Scene:
        """The same scene, `ended` where it is reached as it stands: facing what to go to, holding what to fetch, ..."""
        task, wanted = self.task, self.mission.wanted
        ahead = self.at(*self.front) if self.inside(self.front) else EMPTY
        reached = {
            "doorkey": lambda: self.at(*self.agent).kind == "goal",
            "goto": lambda: ahead.named == wanted[0],
            "fetch": lambda: self.carrying is not None and self.carrying.named == wanted[0],
            "open": lambda: any(one.named == wanted[0] and one.state == "open" for one in self.cells),
            "putnext": lambda: self._next_to(),
        }[task]()  # fmt: skip
        return replace(self, ended="reached" if reached else "")

    def _next_to(self) -> bool:
        """Do the two things lie side by side?"""
        places = [
            [divmod(number, self.size) for number, one in enumerate(self.cells) if one.named == pair]
            for pair in self.mission.wanted
        ]
        return any(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a in places[0] for b in places[1])

    def _inner(self, column: int, row: int) -> int:
        """A cell that is not of the outer wall."""
        number = self.cell(column, row)
        if not (0 < column < self.size - 1 and 0 < row < self.size - 1):
            raise ArgumentError("acting_border", column=column, row=row)
        return number

    def _with(self, changes: Mapping[int, Thing]) -> Scene:
        """The scene with other things on some cells."""
        cells = tuple(changes.get(number, thing) for number, thing in enumerate(self.cells))
        return replace(self, cells=cells).judged()
