"""What comes of a return that is asked for: many worlds at once, beside the agent that was learnt from and its data.

Actions are drawn by their probabilities, as the agent plays, unless `likeliest`. Worlds are moved in NumPy (`many.py`),
and what was computed for earlier tokens is kept; a test compares both with `DecisionAgent.play`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from attnviz.core.attention import attend
from attnviz.core.interventions import Intervention, Place, RemoveHeads
from attnviz.core.masks import Causal
from attnviz.core.rules import Argmax, Rule, Soft
from attnviz.systems.acting import DECIDER
from attnviz.systems.acting.deciding import PARTS, UNSEEN, USUAL, Unseen, load, share_of
from attnviz.systems.acting.decision import Decider, Layer, Past
from attnviz.systems.acting.scene import ACTIONS, Scene
from attnviz.systems.acting.system import load as learnt_from
from attnviz.systems.acting.told import MOST, UNIT
from attnviz.training.acting.many import Many
from attnviz.training.acting.measure import played, worlds
from attnviz.training.acting.ways import LOST, spread, told

RETURNS = (-8, -12, -16, -20, -30, -40, -50, -60)
FEWER = 100


@dataclass(frozen=True)
class Asking:
    """A return that is asked for, and what is changed inside."""

    asked: int = USUAL
    rule: Rule = field(default_factory=Soft)
    changes: tuple[Intervention, ...] = ()
    likeliest: bool = False


@dataclass(frozen=True)
class Came:
    """What came of it: steps of each world, whether it arrived; shares of the weight `[layer, head]` by part."""

    steps: NDArray[np.int64]
    reached: NDArray[np.bool_]
    shares: dict[str, Tensor]

    @property
    def returns(self) -> NDArray[np.int64]:
        """The return of each."""
        return -self.steps - LOST * ~self.reached

    def told(self) -> list[float]:
        """The share that arrived, and the mean steps of those."""
        mean = float(self.steps[self.reached].mean()) if self.reached.any() else 0.0
        return [round(float(self.reached.mean()), 4), round(mean, 2)]


class Memory:
    """Keys and values of all tokens so far, by layer."""

    def __init__(self, network: Decider, asking: Asking) -> None:
        self.network, self.asking, self.count = network, asking, 0
        self.kept: list[tuple[Tensor, Tensor]] = []

    def read(
        self, tokens: Float[Tensor, "world new width"]
    ) -> tuple[Float[Tensor, "world new width"], list[Float[Tensor, "world head new token"]]]:
        """The last states of some more tokens, and where they look."""
        looks, new = [], tokens.shape[-2]
        allowed = Causal().allowed(new, self.count + new, self.count)
        for number, layer in enumerate(self.network.encoder.h):
            assert isinstance(layer, Layer)
            own = layer.look(tokens, self.asking.rule)
            before = self.kept[number] if self.count else (own.keys[..., :0, :], own.values[..., :0, :])
            keys, values = (torch.cat(pair, dim=-2) for pair in zip(before, (own.keys, own.values), strict=True))
            self.kept[number : number + 1] = [(keys, values)]
            call = attend(own.queries, keys, values, rule=self.asking.rule, allowed=allowed, scale=own.scale)
            for change in self.asking.changes:
                if change.acts("self", number):
                    call = change.change(call, Place("self", number, self.count))
            looks.append(call.weights)
            tokens = layer.after(tokens, call)
        self.count += new
        return self.network.encoder.ln_f(tokens), looks


@torch.no_grad()
def came(network: Decider, scenes: Sequence[Scene], asking: Asking, seed: int = 0) -> Came:
    """Play all of these worlds at once."""
    many, memory, draw = Many.of(scenes), Memory(network, asking), torch.Generator().manual_seed(seed)
    steps, reached = np.full(len(scenes), MOST), np.zeros(len(scenes), dtype=bool)
    sums, counted, last = {part: torch.zeros(()) for part in PARTS}, 0, None
    for step in range(MOST):
        states, looks = memory.read(_newest(network, many, min(-1, asking.asked + step), step, last))
        live = torch.from_numpy(~reached)
        rows = torch.stack([one[live, :, -1] for one in looks], dim=1)  # [world, layer, head, token]
        sums = {part: total + share_of(rows, step, part).sum(0) for part, total in sums.items()}
        counted += int(live.sum())
        scores = network.predict_action(states[:, -1])
        drawn = torch.multinomial(scores.softmax(-1), 1, generator=draw)[:, 0]
        last = scores.argmax(-1) if asking.likeliest else drawn
        done = many.step(last.numpy())[0].astype(bool) & ~reached
        steps[done], reached = step + 1, reached | done
        if reached.all():
            break
    return Came(steps, reached, {part: total / counted for part, total in sums.items()})


def _newest(
    network: Decider, many: Many, to_go: int, step: int, last: Tensor | None
) -> Float[Tensor, "world new width"]:
    """The tokens that a step brings: the action before it, what is asked for now, the state."""
    count, whole = len(many.size), spread(told(many), many.carrying[:, 0] >= 0)[:, None]
    now = Past(
        torch.full((count, 1, 1), to_go / UNIT), whole, torch.zeros(count, 0, len(ACTIONS)),
        torch.full((count, 1), step),
    )  # fmt: skip
    if last is None:
        return network.tokens(now)
    before = Past(now.returns, whole, F.one_hot(last, len(ACTIONS)).float()[:, None], now.times - 1)
    return torch.cat([network.tokens(before)[:, 2:], network.tokens(now)], dim=1)


def measured(many: int) -> dict[str, Any]:
    """All figures of `agent-dt`."""
    network, scenes = load(DECIDER).network, worlds("doorkey", many)
    learnt = played(learnt_from("agent-doorkey").network, scenes)
    shortest = np.array(learnt.shortest)
    asked = {asking: came(network, scenes, Asking(asking)) for asking in RETURNS}
    usual, few = asked[USUAL], scenes[:FEWER]
    ways = {
        "likeliest": Asking(likeliest=True), "hard": Asking(rule=Argmax()),
        **{name: Asking(changes=(Unseen(name),)) for name in UNSEEN},
    }  # fmt: skip
    blind = {one: came(network, scenes, Asking(one, changes=(Unseen("return"),))) for one in (-12, -40)}
    return {
        "worlds": many, "fewer": min(many, FEWER), "layers": network.shape.n_layer, "heads": network.shape.n_head,
        "shortest": round(float(shortest.mean()), 2),
        "learnt": [round(learnt.success, 4), round(float(np.mean(learnt.steps)), 2)],
        "asked": {str(one): [*found.told(), _above(found, shortest)] for one, found in asked.items()},
        "correlation": _correlations(asked, shortest) | {"return hidden": _correlation(blind)},
        "ways": {"drawn": usual.told()} | {name: came(network, scenes, one).told() for name, one in ways.items()},
        "shares": {part: _rounded(one) for part, one in usual.shares.items()},
        "without": [
            [came(network, few, Asking(changes=(RemoveHeads((head,), layers=(layer,)),))).told()
             for head in range(network.shape.n_head)] for layer in range(network.shape.n_layer)
        ], "whole": came(network, few, Asking()).told(),
    }  # fmt: skip


def _rounded(shares: Tensor) -> list[list[float]]:
    return [[round(float(one), 4) for one in row] for row in shares]


def _above(found: Came, shortest: NDArray[np.int64]) -> float:
    """Steps of those that arrived, by those of the shortest ways."""
    return round(float(found.steps[found.reached].sum() / max(1, shortest[found.reached].sum())), 3)


def _correlation(asked: dict[int, Came]) -> float:
    """Of the return asked for and that which came (Pearson), over all worlds."""
    told_ = np.repeat(list(asked), len(next(iter(asked.values())).returns))
    return round(float(np.corrcoef(told_, np.concatenate([one.returns for one in asked.values()]))[0, 1]), 3)


def _correlations(asked: dict[int, Came], shortest: NDArray[np.int64]) -> dict[str, float]:
    """Of the return asked for and that which came (Pearson): over all worlds, and where it can be had."""
    told_ = np.repeat(list(asked), len(shortest))
    got, can = np.concatenate([one.returns for one in asked.values()]), -told_ >= np.tile(shortest, len(asked))
    return {
        "all": _correlation(asked),
        "possible": round(float(np.corrcoef(told_[can], got[can])[0, 1]), 3),
        "mean": round(float(np.corrcoef(list(asked), [one.returns.mean() for one in asked.values()])[0, 1]), 3),
    }  # fmt: skip
