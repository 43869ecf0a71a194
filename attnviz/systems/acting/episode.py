"""What an agent did from a scene on: every scene, what it looked at, what it did, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Patches, Steps
from attnviz.core.attention import Observed
from attnviz.systems.acting.drawing import TILE, animated
from attnviz.systems.acting.scene import ACTIONS, Scene
from attnviz.threads import cached_property
from attnviz.trace import Trace


@dataclass(frozen=True, eq=False)
class Way:
    """What an agent did from a scene on: `scenes` are one more than `actions`, and `probabilities` has a row for each.

    `ended` is "reached", "lost" (another thing was fetched), "limit" (no steps left) or "stopped" (the prescribed moves
    were over). `shortest` is the length of the shortest way from the first scene, None where there is none.
    """

    agent: str
    scenes: tuple[Scene, ...]
    actions: tuple[str, ...]
    probabilities: Float[Tensor, "step action"]
    ended: str
    shortest: int | None

    @property
    def steps(self) -> int:
        """How many it took."""
        return len(self.actions)

    @property
    def reached(self) -> bool:
        """Did it arrive?"""
        return self.ended == "reached"


@dataclass(frozen=True, eq=False)
class Episode(Way):
    """The way of an agent whose heads look at cells, a row for each step; `weights` are NaN where a cell was hidden."""

    values: tuple[float, ...]
    weights: Float[Tensor, "step head cell"]

    @cached_property
    def trace(self) -> Trace:
        """Where its heads looked at each step: queries are the steps, keys the cells."""
        size = self.scenes[0].size
        look = Observed.of(self.weights.nan_to_num(0.0).transpose(0, 1))
        return Trace(
            Steps(self.steps), Patches(size * TILE, size * TILE, size, size), (look,), model=self.agent, kind="acting",
            part="cross",
        )  # fmt: skip

    def share(self, part: str) -> Float[Tensor, "step head"]:
        """How much of each head's weight lies on a part of the scene ("key", "target", ...) at each step; 0 where
        there is none.
        """
        weights = self.weights.nan_to_num(0.0)
        found = torch.zeros(weights.shape[:2])
        for step, row in enumerate(weights):
            found[step] = row[:, list(self.scenes[step].parts.get(part, ()))].sum(-1)
        return found

    def gif(self, head: int | None = None, *, tile: int = 32, milliseconds: int = 300) -> bytes:
        """An animated picture of it, lit by where a head looked, or by all heads' mean; GIF."""
        weights = self.weights.nan_to_num(0.0)
        lit = weights.mean(dim=1) if head is None else weights[:, head]
        return animated(self.scenes, lit.numpy(), tile=tile, milliseconds=milliseconds)


def chosen(probabilities: Float[Tensor, " action"], greedy: bool, draw: torch.Generator) -> str:
    """The likeliest action, or one drawn."""
    number = probabilities.argmax() if greedy else torch.multinomial(probabilities, 1, generator=draw)[0]
    return ACTIONS[int(number)]
