"""The network of an agent: each head asks once, and the cells of the world answer (after Mott et al. 2019).

A cell is told by one-hots of its kind, colour and state and of where it lies as the agent stands: cells ahead, cells to
the right. Keys and values are linear in these, so that a key is a sum of what the colour, the kind and the place say
apart, and a colour and a kind that were never seen together have a key all the same:

    x_c   = [kind, colour, state, ahead, right] of cell c
    k_hc  = K_h x_c,  v_hc = V_h x_c
    q_h   = base_h(s) + sum over the words w of gate_hw(s) E_h[w]      s: task, direction or none, carrying or not
    o_h   = sum over c of softmax(q_h k_hc / sqrt(d)) v_hc
    policy, value = linear(tanh(linear(tanh(linear([o_1 ... o_H; s])))))

An agent that is told no words has no sum over them. One that is told words has V blind to colours, and the colour it
is to look for reaches the policy by way of where its heads look alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from attnviz.core.attention import Attention, attend
from attnviz.core.rules import Rule
from attnviz.systems.acting.scene import ACTIONS, AHEAD, COLOURS, KINDS, STATES, TASKS, Mission, Scene, Thing

REACH = 7  # cells ahead, behind and to either side, in the largest world
SIDE = 2 * REACH + 1
PARTS = (len(KINDS), len(COLOURS), len(STATES), SIDE, SIDE)
FEATURES = sum(PARTS)
COLOURED = ("door", "key", "ball", "box")  # the others' colours tell nothing
STATE = len(TASKS) + len(AHEAD) + 1
WORDS = 4  # colour and kind of a thing, colour and kind of the other; -1 for none


@dataclass(frozen=True)
class Shape:
    """The sizes of a network, and whether it is told its task in words."""

    words: bool
    heads: int = 4
    width: int = 32
    inner: int = 64
    hidden: int = 128


@dataclass(frozen=True)
class Seen:
    """Some worlds as a network is given them; `there` is False for cells beyond a smaller world's edge."""

    cells: Float[Tensor, "world cell feature"]
    state: Float[Tensor, "world state"]
    words: Int64[Tensor, "world 4"]
    there: Bool[Tensor, "world cell"] | None = None


@dataclass(frozen=True)
class Said:
    """What it looked at, and what it would do: scores of the actions, and how much it expects to come of it."""

    weights: Float[Tensor, "world head cell"]
    logits: Float[Tensor, "world action"]
    value: Float[Tensor, " world"]


class Actor(nn.Module):
    """Queries from mission and state, keys and values from cells, then policy and value."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        heads, wide = shape.heads, shape.heads * shape.width
        self.key = nn.Parameter(torch.randn(heads, shape.width, FEATURES) * 0.3)
        self.answer = nn.Parameter(torch.randn(heads, shape.width, FEATURES) * 0.3)
        gates = heads * WORDS if shape.words else 0
        self.ask = nn.Sequential(nn.Linear(STATE, shape.inner), nn.Tanh(), nn.Linear(shape.inner, wide + gates))
        self.policy = nn.Sequential(
            nn.Linear(wide + STATE, shape.hidden), nn.Tanh(), nn.Linear(shape.hidden, shape.hidden), nn.Tanh()
        )
        self.out = nn.Linear(shape.hidden, len(ACTIONS) + 1)
        if shape.words:
            self.meaning = nn.Parameter(torch.randn(len(COLOURS) + len(KINDS), heads, shape.width) * 0.3)

    def queries(self, state: Tensor, words: Tensor) -> Float[Tensor, "world head width"]:
        """What each head asks, from the state and the words."""
        asked = self.ask(state)
        shape = self.shape
        base: Tensor = asked[:, : shape.heads * shape.width].view(-1, shape.heads, shape.width)
        if not shape.words:
            return base
        gates = asked[:, shape.heads * shape.width :].view(-1, WORDS, shape.heads, 1)
        shift = torch.tensor([0, len(COLOURS)] * 2)
        meant = self.meaning[(words + shift).clamp_min(0)] * (words >= 0)[..., None, None]
        found: Tensor = base + (gates * meant).sum(dim=1)
        return found

    @property
    def values(self) -> Float[Tensor, "head width feature"]:
        """What cells answer, blind to colours where words tell which to look for."""
        if not self.shape.words:
            return self.answer
        blind = torch.ones(FEATURES)
        blind[PARTS[0] : PARTS[0] + PARTS[1]] = 0
        return self.answer * blind

    def look(self, seen: Seen, rule: Rule) -> Attention:
        """The look of one world, by head: queries `[head, 1, width]`, keys and values `[head, cell, width]`."""
        queries = self.queries(seen.state, seen.words)[0][:, None]
        cells = seen.cells[0]
        return attend(queries, cells @ self.key.mT, cells @ self.values.mT, rule=rule)

    def hidden(self, answers: Tensor, state: Tensor) -> Float[Tensor, "world hidden"]:
        """The last state, from the heads' answers `[world, head, width]`."""
        return cast("Tensor", self.policy(torch.cat([answers.flatten(1), state], dim=-1)))

    def forward(self, seen: Seen, rule: Rule, hidden: Tensor | None = None, kept: Tensor | None = None) -> Said:
        """All at once for many worlds: the same numbers, with K moved over to the query and V behind the sum.

        `hidden` `[world, head, cell]` is True for what a head may not look at, `kept` `[world, head]` multiplies what
        the heads answer.
        """
        asked = torch.einsum("nhw,hwf->nhf", self.queries(seen.state, seen.words), self.key)
        allowed = None if seen.there is None else seen.there[:, None]
        if hidden is not None:
            allowed = ~hidden if allowed is None else allowed & ~hidden
        found = attend(asked, seen.cells, seen.cells, rule=rule, allowed=allowed, scale=self.shape.width**-0.5)
        taken = torch.einsum("nhf,hwf->nhw", found.weights @ seen.cells, self.values)
        if kept is not None:
            taken = taken * kept[..., None]
        out = self.out(self.hidden(taken, seen.state))
        return Said(found.weights, out[:, :-1], out[:, -1])


@cache
def told(thing: Thing) -> tuple[int, int, int]:
    """A thing by the numbers of its kind, colour and state; -1 for none."""
    colour = COLOURS.index(thing.colour) if thing.kind in COLOURED else -1
    return KINDS.index(thing.kind), colour, STATES.index(thing.state) if thing.state else -1


def turned(right: Tensor, down: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Cells to the right and down on the map, as cells ahead and to the right of somebody who looks that way."""
    east = torch.tensor([one[0] for one in AHEAD])[direction]
    south = torch.tensor([one[1] for one in AHEAD])[direction]
    return right * east + down * south, down * east - right * south


def one_hots(numbers: Sequence[Tensor]) -> Float[Tensor, "*world feature"]:
    """Numbers of kind, colour, state, ahead and right, each as a one-hot; all 0 where one is -1."""
    first, found = 0, torch.zeros(*numbers[0].shape, FEATURES)
    for wide, number in zip(PARTS, numbers, strict=True):
        known = (number >= 0)[..., None].float()
        found.scatter_add_(-1, (number.clamp_min(0) + first)[..., None], known)
        first += wide
    return found


def seen(scene: Scene, *, words: bool) -> Seen:
    """A scene as a network is given it. The agent's own cell shows what it carries to one that is told words."""
    things = list(scene.cells)
    if words and scene.carrying is not None:
        things[scene.cell(*scene.agent)] = scene.carrying
    kinds, colours, states = torch.tensor([told(one) for one in things]).unbind(-1)
    number = torch.arange(len(things))
    ahead, right = turned(
        number % scene.size - scene.agent[0], number // scene.size - scene.agent[1], torch.tensor(scene.direction)
    )
    cells = one_hots((kinds, colours, states, ahead + REACH, right + REACH))
    return Seen(cells[None], state_of(scene, words=words)[None], torch.tensor([words_of(scene.mission)]))


def words_of(mission: Mission) -> list[int]:
    """The numbers of the words: colour and kind of each thing named, -1 for none."""
    named = [number for colour, kind in mission.wanted for number in (COLOURS.index(colour), KINDS.index(kind))]
    return [*named, *[-1] * (WORDS - len(named))]


def state_of(scene: Scene, *, words: bool) -> Float[Tensor, " state"]:
    """Task, direction (of an agent that is told no words) and whether it carries something."""
    found = torch.zeros(STATE)
    found[TASKS.index(scene.task)] = 1
    if not words:
        found[len(TASKS) + scene.direction] = 1
    found[-1] = float(scene.carrying is not None)
    return found
