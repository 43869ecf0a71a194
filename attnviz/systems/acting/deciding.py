"""Acting by a Decision Transformer (Chen et al. 2021): ask for a return, and it does what would come to it.

agent = av.load("agent-dt")
trace = agent.read("doorkey 8 3")               # a whole episode: three tokens a step, R0 s0 a0 R1 s1 a1 ...
ride = agent.play(start("doorkey", 8, 3), asked=-20)     # arrive in 20 steps
ride.reached, ride.steps, ride.shortest
agent.play(start("doorkey", 8, 3), asked=-20, hidden=[Unseen("return")])

Each step costs 1, so that the return of an episode that arrives is minus its steps. What is asked for at step t is the
return to go: what was asked for at the start, and the steps since then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz import shipped
from attnviz.axes import Items
from attnviz.core.attention import Attention, Observed
from attnviz.core.interventions import Intervention, Place, check_tokens
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ArgumentError, AttnvizError, shown
from attnviz.systems.acting.decision import KINDS, Change, Decider, Past, Shape
from attnviz.systems.acting.drawing import animated
from attnviz.systems.acting.episode import Way, chosen
from attnviz.systems.acting.paths import length
from attnviz.systems.acting.scene import ACTIONS, Scene
from attnviz.systems.acting.told import MOST, UNIT, action_of, state_of
from attnviz.systems.acting.world import act, scene_of
from attnviz.threads import cached_property
from attnviz.trace import Trace

LETTERS = ("R", "s", "a")
UNSEEN = (*KINDS, "earlier")
PARTS = ("return", "state", "earlier_return", "earlier_state", "earlier_action")
USUAL = -20  # the return that is asked for unless another is given


@dataclass(frozen=True)
class Unseen(Intervention):
    """No token looks at what is named, in `heads` (None: all): "return", "state" or "action" tokens, or what is
    "earlier" than its own step. Raises `ArgumentError` for anything else.
    """

    what: str
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._keep_numbers("heads", many=True)
        if self.what not in UNSEEN:
            raise ArgumentError("acting_unseen", got=shown(self.what), parts=", ".join(UNSEEN))

    def change(self, call: Attention, place: Place) -> Attention:
        query = torch.arange(call.queries.shape[-2])[:, None] + place.first_query
        key = torch.arange(call.keys.shape[-2])[None] + place.first_key
        if self.what == "earlier":
            forbidden = key // 3 < query // 3
        else:
            forbidden = (key % 3 == KINDS.index(self.what)).expand(len(query), -1)
        for head in self.heads or ():
            if not 0 <= head < call.n_heads:
                raise AttnvizError("no_such_head", number=head, last=call.n_heads - 1)
        heads = torch.zeros(call.n_heads, 1, 1, dtype=torch.bool)
        heads[list(range(call.n_heads) if self.heads is None else self.heads)] = True
        allowed = ~(forbidden & heads)
        return replace(call, allowed=allowed if call.allowed is None else call.allowed & allowed)

    def _what(self) -> str:
        return f"hide {self.what}"


@dataclass(frozen=True, eq=False)
class Ride(Way):
    """What came of a return that was asked for; `asked` is the return to go at each step.

    `weights` have the rows of every token as it was when it was the newest (a layer changed from a step on changes no
    earlier row); NaN where it could not look.
    """

    asked: tuple[int, ...]
    weights: Float[Tensor, "layer head token token"]

    @property
    def values(self) -> tuple[float, ...]:
        """The return to go at each step, as its page has it where others say what they expect."""
        return tuple(map(float, self.asked))

    @cached_property
    def trace(self) -> Trace:
        """Where its tokens looked; the last one's is that of the last state, from which the last action was read."""
        axis = axis_of(self.weights.shape[-1])
        looks = tuple(Observed.of(one.nan_to_num(0.0)) for one in self.weights)
        return Trace(axis, axis, looks, model=self.agent, kind="acting")

    def share(self, part: str) -> Float[Tensor, "step layer head"]:
        """How much weight the state of each step gives a part of `PARTS` as its action is chosen."""
        weights = self.weights.nan_to_num(0.0)
        found = torch.zeros(self.steps, *weights.shape[:2])
        for step in range(self.steps):
            found[step] = share_of(weights[:, :, 3 * step + 1], step, part)
        return found

    def gif(self, head: int | None = None, *, tile: int = 32, milliseconds: int = 300) -> bytes:
        """An animated picture of it, GIF: the world alone, whose cells no head looks at, whichever `head` is named."""
        dark = torch.zeros(self.steps, len(self.scenes[0].cells)).numpy()
        return animated(self.scenes, dark, tile=tile, milliseconds=milliseconds)


def axis_of(count: int) -> Items:
    """The names of so many tokens: R0, s0, a0, R1, ..."""
    return Items(tuple(f"{LETTERS[number % 3]}{number // 3}" for number in range(count)))


def share_of(row: Any, step: int, part: str) -> Any:
    """How much of rows of weights `[..., token]`, those of a step's state, lies on a part (tensors or arrays)?"""
    kind = KINDS.index(part.removeprefix("earlier_"))
    return row[..., kind : 3 * step : 3].sum(-1) if part.startswith("earlier") else row[..., 3 * step + kind]


@dataclass(frozen=True)
class Ask:
    """What is asked of an agent: a return, and what is changed inside it while it decides."""

    asked: int = USUAL
    rule: Rule | None = None
    changes: tuple[Intervention, ...] = ()
    greedy: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.asked, int) or isinstance(self.asked, bool) or not -MOST <= self.asked <= -1:
            raise ArgumentError("acting_asked", got=shown(self.asked), least=-MOST)

    def to_go(self, step: int) -> int:
        """The return that is asked for at a step: what is left, at least one step."""
        return min(-1, self.asked + step)


@dataclass(frozen=True)
class DecisionAgent:
    """A trained Decision Transformer that plays; never changed after loading."""

    name: str
    network: Decider
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def n_layers(self) -> int:
        """How many layers look."""
        return self.network.shape.n_layer

    @property
    def n_heads(self) -> int:
        """How many heads a layer has."""
        return self.network.shape.n_head

    def read(self, text: str | Scene, *, rule: Rule | None = None, asked: int = USUAL) -> Trace:
        """Where do its tokens look in a whole episode? "doorkey 8 3" is minigrid's DoorKey of size 8, seed 3.

        Three tokens a step, up to the state from which the last action was read; `logits` `[token, action]` are scores
        of the actions, and mean something at the states. Raises `TextError` for a text that names no world,
        `ArgumentError` for another task than DoorKey and for a return that cannot be asked for.
        """
        ride = self.play(text if isinstance(text, Scene) else scene_of(text), asked=asked, rule=rule)
        scenes = ride.scenes[: ride.steps] if ride.steps else ride.scenes
        return self.look(scenes, ride.actions[: len(scenes) - 1], Ask(asked, rule))

    @torch.no_grad()
    def look(self, scenes: Sequence[Scene], actions: Sequence[str], ask: Ask, *, returns: Sequence[int] = ()) -> Trace:
        """Where do the tokens of an episode up to now look, and what would it do? `scenes` are one more than `actions`.

        `returns` are the returns to go where they are not those of `ask`. `predictions` of the last token name actions.
        """
        if scenes[-1].task != "doorkey":
            raise ArgumentError("acting_other_agent", agent=self.name, task=scenes[-1].task)
        told = returns or [ask.to_go(step) for step in range(len(scenes))]
        states, calls = self.network(past_of(scenes, actions, told), ask.rule or Soft(), changing(ask.changes))
        axis = axis_of(len(states))
        check_tokens(ask.changes, len(axis))
        return Trace(
            axis, axis, calls, model=self.name, kind="acting", rule=ask.rule or Soft(), outputs=states,
            logits=self.network.actions(states), name_piece=ACTIONS.__getitem__, changes=ask.changes,
        )  # fmt: skip

    def play(
        self, scene: Scene, *, asked: int = USUAL, rule: Rule | None = None, changes: Sequence[Intervention] = (),
        hidden: Sequence[Unseen] = (), greedy: bool = False, seed: int = 0, limit: int = MOST,
        moves: Sequence[str] = (), go_on: bool = True, before: Ride | None = None,
    ) -> Ride:  # fmt: skip
        """Let it act from a scene on until it arrives, or `MOST` steps are over: more it never saw.

        It draws its actions by their probabilities with `seed`, as was learnt, or does what is likeliest with
        `greedy`. It goes on where a ride `before` ended, with all of that in view; `moves` and `go_on` are as with
        `Agent.play`. Raises `ArgumentError` for a return that cannot be asked for, and as `look` and `act`.
        """
        ask = Ask(asked, rule, (*changes, *hidden), greedy, seed)
        ride, first = self.begin(scene, before), before.steps if before else 0
        most = min(MOST, first + limit)
        while not ride.scenes[-1].ended and ride.steps < most and (go_on or ride.steps - first < len(moves)):
            ride = self.step(ride, ask, next(iter(moves[ride.steps - first :]), None))
        stopped = "limit" if ride.steps >= most and (go_on or ride.steps - first < len(moves)) else "stopped"
        return replace(ride, ended=ride.scenes[-1].ended or stopped, shortest=length(ride.scenes[0]))

    def begin(self, scene: Scene, before: Ride | None = None) -> Ride:
        """A ride without a step; or one that goes on after another, in the world as it is now."""
        if before is not None:
            return replace(before, scenes=(*before.scenes[:-1], scene))
        none = torch.zeros(self.n_layers, self.n_heads, 0, 0)
        return Ride(self.name, (scene,), (), torch.zeros(0, len(ACTIONS)), "", None, asked=(), weights=none)

    def step(self, ride: Ride, ask: Ask, told: str | None = None) -> Ride:
        """One more step: its own, or one that it is told. Raises as `look` and `act`."""
        trace, asked = self.glance(ride, ask)
        chances = trace.probabilities(len(trace.tokens) - 1)
        # at each step a number of its own, however the steps before were taken
        draw = torch.Generator().manual_seed(1_000 * ask.seed + ride.steps)
        action = told or chosen(chances, ask.greedy, draw)
        return replace(
            ride, scenes=(*ride.scenes, act(ride.scenes[-1], action)), actions=(*ride.actions, action), asked=asked,
            probabilities=torch.cat([ride.probabilities, chances[None]]), weights=grown(ride.weights, trace),
        )  # fmt: skip

    def glance(self, ride: Ride, ask: Ask) -> tuple[Trace, tuple[int, ...]]:
        """What is looked at where a ride stands, and the returns to go up to there."""
        asked = (*ride.asked, ask.to_go(ride.steps))
        return self.look(ride.scenes, ride.actions, ask, returns=asked), asked


def past_of(scenes: Sequence[Scene], actions: Sequence[str], returns: Sequence[int]) -> Past:
    """An episode as the network is given it."""
    done = torch.stack([action_of(one) for one in actions]) if actions else torch.zeros(0, len(ACTIONS))
    told = torch.tensor(returns, dtype=torch.float32)[:, None] / UNIT
    return Past(told, torch.stack([state_of(one) for one in scenes]), done, torch.arange(len(scenes)))


def changing(changes: Sequence[Intervention]) -> Change:
    """All changes that act in a layer, one after the other."""

    def change(call: Attention, layer: int) -> Attention:
        for one in changes:
            if one.acts("self", layer):
                call = one.change(call, Place("self", layer))
        return call

    return change


def grown(weights: Tensor, trace: Trace) -> Float[Tensor, "layer head token token"]:
    """Weights with the rows of the tokens that have come since; NaN where a token may not look."""
    old, new = weights.shape[-1], len(trace.tokens)
    found = torch.full((*weights.shape[:2], new, new), torch.nan)
    found[..., :old, :old] = weights
    for layer in range(len(found)):
        found[layer, :, old:] = trace.attention(layer).open_weights[:, old:].float()
    return found


@cache
def load(name: str) -> DecisionAgent:
    """The agent of that name, or a folder like its; loaded once. Raises `ModelError` where there is none."""
    place = shipped.folder(name)
    with shipped.damaged(place):
        network = Decider(Shape.of(shipped.config(place)))
        network.load_state_dict(shipped.tensors(place))
        return DecisionAgent(name, network.eval().requires_grad_(False), shipped.licence(place))
