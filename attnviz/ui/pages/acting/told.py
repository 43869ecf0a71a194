"""What an episode comes to in numbers: its phases, and how much of its weight each head gives what matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attnviz.ui.pages.acting.run import lanes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.systems.acting.scene import Scene
    from attnviz.ui.pages.acting.run import Played


@dataclass(frozen=True)
class Phase:
    """A part of an episode: its name in the messages, its steps."""

    name: str
    steps: tuple[int, ...]


def phases(played: Played, task: str) -> list[Phase]:
    """Before the key, with it, after the door; of tasks in words before and after something is taken."""
    scenes = played.episode.scenes[: played.episode.steps]
    found: dict[str, list[int]] = {}
    for step, scene in enumerate(scenes):
        found.setdefault(_phase(scene, task), []).append(step)
    return [Phase(name, tuple(steps)) for name, steps in found.items()]


def _phase(scene: Scene, task: str) -> str:
    if task == "doorkey":
        if any(one.kind == "door" and one.state == "open" for one in scene.cells):
            return "open"
        return "with" if scene.carrying is not None else "before"
    if task == "putnext":
        return "taken" if scene.carrying is not None else "seeking"
    return "whole"


def shares(played: Played, task: str) -> dict[str, NDArray[np.float32]]:
    """The weight of each part that matters, and of all the rest, `[step, head]`; a part that is nowhere has none."""
    found = {name: np.nan_to_num(_array(played.episode.share(name))) for name in lanes(task)}
    whole = np.nan_to_num(_array(played.episode.weights)).sum(-1)
    return {**found, "rest": np.clip(whole - sum(found.values()), 0, None)}


def _array(tensor: object) -> NDArray[np.float32]:
    return np.asarray(tensor, np.float32)


@dataclass(frozen=True)
class Lead:
    """The head that gives most to what is wanted in a phase, and how much in the mean."""

    phase: str
    part: str
    head: int
    share: float


WANTED = {"before": "key", "with": "door", "open": "goal", "seeking": "target", "taken": "beside", "whole": "target"}


def leads(played: Played, task: str) -> list[Lead]:
    """In each phase the head that looks most at what comes next."""
    of, found = shares(played, task), []
    for phase in phases(played, task):
        means = of[WANTED[phase.name]][list(phase.steps)].mean(0)
        if means.max() > 0:
            head = int(means.argmax())
            found.append(Lead(phase.name, WANTED[phase.name], head, float(means[head])))
    return found


def csv_lines(played: Played, task: str) -> list[str]:
    """The shares by step and head as lines of a table; the step's action and what was carried beside them."""
    of = shares(played, task)
    lines = [",".join(("step", "action", "by", "carrying", "head", *of))]
    for step, action in enumerate(played.episode.actions):
        held = played.episode.scenes[step].carrying
        who = "person" if step in played.mine else "agent"
        first = [str(step), action, who, " ".join(held.named) if held else ""]
        for head in range(next(iter(of.values())).shape[1]):
            lines.append(",".join([*first, str(head), *(f"{one[step, head]:.6f}" for one in of.values())]))
    return lines
