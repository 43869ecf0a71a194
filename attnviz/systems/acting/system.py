"""Acting: an agent in a world of cells; before each step its heads look at the cells, and one can watch them.

agent = av.load("agent-doorkey")
trace = agent.read("doorkey 8 3")            # minigrid's DoorKey of size 8, seed 3
trace.weights(0, 2)[0]                       # where head 2 looks, cell by cell
trace.predictions(0)                         # what it would do: [("forward", 0.97), ...]
episode = agent.play(start("doorkey", 8, 3), hidden=[Hide("key", heads=(0,))])
episode.reached, episode.steps, episode.shortest

`agent-doorkey` fetches the key, opens the door and goes to the goal. `agent-tasks` is told in words what to do: go to
a thing, fetch it, open a door, put one thing next to another. `agent-dt` is asked for a return (`deciding.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Items, Patches
from attnviz.core.attention import Attention
from attnviz.core.interventions import ForbidEdge, Intervention, Place, check_tokens
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ArgumentError, shown
from attnviz.systems.acting import AGENTS, DECIDER, NAMES, deciding
from attnviz.systems.acting.deciding import DecisionAgent
from attnviz.systems.acting.drawing import TILE
from attnviz.systems.acting.episode import Episode, chosen
from attnviz.systems.acting.network import Actor, Shape, seen
from attnviz.systems.acting.paths import length
from attnviz.systems.acting.scene import ACTIONS, Scene
from attnviz.systems.acting.world import act, scene_of
from attnviz.trace import Trace

__all__ = ["NAMES", "Agent", "DecisionAgent", "Episode", "Hide", "load", "most_steps", "scene_of"]

PART = "cross"  # one who asks, and others who answer
NAMED = ("key", "door", "goal", "target", "beside", "other", "wall", "empty", "here")


@dataclass(frozen=True)
class Hide:
    """Hide something from some heads (None: from all): a cell by its number, or what `Scene.parts` calls by this name.

    A part is hidden wherever it is at each step. Raises `ArgumentError` for a part that there is not.
    """

    what: int | str
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.what, bool) or not (isinstance(self.what, int) or self.what in NAMED):
            raise ArgumentError("acting_place", got=shown(self.what), parts=", ".join(NAMED))

    def of(self, scene: Scene) -> list[Intervention]:
        """The changes that hide it in a scene."""
        cells = [self.what] if isinstance(self.what, int) else scene.parts.get(self.what, ())
        return [ForbidEdge(0, cell, self.heads, part=PART) for cell in cells]


@dataclass(frozen=True)
class Agent:
    """A trained agent; never changed after loading."""

    name: str
    network: Actor
    tasks: tuple[str, ...]
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def n_heads(self) -> int:
        """How many heads look."""
        return self.network.shape.heads

    def read(self, text: str | Scene, *, rule: Rule | None = None) -> Trace:
        """What does it look at in a world before the first step? "doorkey 8 3" is minigrid's DoorKey of size 8, seed 3.

        Raises `TextError` for a text that names no world.

        >>> load("agent-doorkey").read("doorkey 5 0").text
        ''
        """
        return self.look(text if isinstance(text, Scene) else scene_of(text), rule=rule)

    def look(
        self, scene: Scene, *, rule: Rule | None = None, changes: Sequence[Intervention] = (),
        hidden: Sequence[Hide] = (),
    ) -> Trace:  # fmt: skip
        """Where do its heads look in a scene, and what would it do?

        One query, named by the mission; keys are the cells, row by row, boxes of the picture that `drawing.picture`
        draws. `logits` are the scores of left, right, forward, pickup, drop, toggle, so that `predictions(0)` names
        actions; `outputs` `[1, hidden]` is the state that `value` reads. Raises `ArgumentError` for a task that it did
        not learn, `AttnvizError` for changes that cannot be.
        """
        if scene.task not in self.tasks:
            raise ArgumentError("acting_other_agent", agent=self.name, task=scene.task)
        looked, output, logits = self._looked(scene, rule or Soft(), [*changes, *_hiding(hidden, scene)])
        edge = scene.size * TILE
        return Trace(
            Items((scene.mission.text,)), Patches(edge, edge, scene.size, scene.size), (looked,), model=self.name,
            kind="acting", rule=rule or Soft(), outputs=output, logits=logits, name_piece=ACTIONS.__getitem__,
            part=PART, changes=tuple(changes),
        )  # fmt: skip

    @torch.no_grad()
    def _looked(self, scene: Scene, rule: Rule, changes: Sequence[Intervention]) -> tuple[Attention, Tensor, Tensor]:
        """The look, the last state and the scores of the actions."""
        check_tokens(changes, len(scene.cells), 1)
        told = seen(scene, words=self.network.shape.words)
        looked = self.network.look(told, rule.at(0, query=scene.steps))
        for change in changes:
            if change.acts(PART, 0):
                looked = change.change(looked, Place(PART, 0))
        hidden = self.network.hidden(looked.output[:, 0][None], told.state)
        return looked, hidden, self.network.out(hidden)[:, :-1]

    @torch.no_grad()
    def value(self, trace: Trace) -> float:
        """How much does it expect to come: near 1 shortly before the end, 0 where it sees no way."""
        return float(self.network.out(trace.outputs)[0, -1])

    def play(
        self, scene: Scene, *, rule: Rule | None = None, changes: Sequence[Intervention] = (),
        hidden: Sequence[Hide] = (), greedy: bool = True, seed: int = 0, limit: int | None = None,
        moves: Sequence[str] = (), go_on: bool = True,
    ) -> Episode:  # fmt: skip
        """Let it act from a scene on, until it arrives, is lost, or `limit` steps have been taken.

        It does what it finds likeliest, or draws by its probabilities with `seed` unless `greedy`. The first steps may
        be prescribed in `moves`; then it looks as ever but does as told, and with `go_on` False it stops after them.
        `limit` is as minigrid's unless given: 10 size^2 in DoorKey, 5 size^2 in rooms. Raises as `look` and `act`.
        """
        most = most_steps(scene) if limit is None else limit
        if not isinstance(most, int) or isinstance(most, bool) or most < 0:
            raise ArgumentError("acting_limit", got=shown(limit))
        draw, scenes, taken, looks = torch.Generator().manual_seed(seed), [scene], list[str](), list[Trace]()
        while not scenes[-1].ended and len(taken) < most and (go_on or len(taken) < len(moves)):
            trace = self.look(scenes[-1], rule=rule, changes=changes, hidden=hidden)
            looks.append(trace)
            taken.append(moves[len(taken)] if len(taken) < len(moves) else chosen(trace.probabilities(0), greedy, draw))
            scenes.append(act(scenes[-1], taken[-1]))
        stopped = "limit" if len(taken) >= most and (go_on or len(taken) < len(moves)) else "stopped"
        return Episode(
            self.name, tuple(scenes), tuple(taken), _stacked([one.probabilities(0) for one in looks], len(ACTIONS)),
            scenes[-1].ended or stopped, length(scene), values=tuple(self.value(one) for one in looks),
            weights=_weights(looks, self.n_heads, len(scene.cells)),
        )  # fmt: skip


def _hiding(hidden: Sequence[Hide], scene: Scene) -> list[Intervention]:
    return [change for one in hidden for change in one.of(scene)]


def _stacked(rows: Sequence[Tensor], *shape: int) -> Tensor:
    return torch.stack(list(rows)) if rows else torch.zeros(0, *shape)


def _weights(looks: Sequence[Trace], heads: int, cells: int) -> Float[Tensor, "step head cell"]:
    """The weights of each step, NaN where a cell was hidden."""
    return _stacked([trace.attention(0).open_weights[:, 0].float() for trace in looks], heads, cells)


def most_steps(scene: Scene) -> int:
    """After how many steps minigrid would give up."""
    return (10 if scene.task == "doorkey" else 5) * scene.size**2


def load(name: str) -> Agent:
    """One of the agents of `NAMES`, or a folder like theirs; loaded once. Raises `ModelError` where there is none.

    `agent-dt` is another kind of agent, a `DecisionAgent`: who needs to tell asks `deciding.load` for it.
    """
    return cast("Agent", deciding.load(name)) if name == DECIDER else _agent(name)


@cache
def _agent(name: str) -> Agent:
    """An agent whose heads look at cells."""
    place = shipped.folder(name)
    with shipped.damaged(place):
        shape = Shape(**shipped.config(place))
        network = Actor(shape)
        network.load_state_dict(shipped.tensors(place))
        tasks = AGENTS["agent-tasks" if shape.words else "agent-doorkey"]
        return Agent(name, network.eval().requires_grad_(False), tasks, shipped.licence(place))
