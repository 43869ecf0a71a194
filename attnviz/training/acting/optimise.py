"""Train agent-doorkey by proximal policy optimisation (Schulman et al. 2017) in plain torch.

    python -m attnviz.training.acting.optimise

Worlds are minigrid's own DoorKey of sizes 5 to 8, of seeds that no page and no card uses, moved in NumPy (`many.py`).
A penalty on the entropy of the heads' weights rises while it learns: without it the agent is as good, but with heads so
flat that it is lost under hard attention.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Categorical

from attnviz.core.rules import Rule, Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.acting.network import Actor, Seen, Shape
from attnviz.systems.acting.scene import SIZES
from attnviz.systems.acting.world import LAST_SEED, made
from attnviz.training import loop
from attnviz.training.acting.many import Many, Numbers
from attnviz.training.folder import save_facts, save_tensors

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Chosen = TypeVar("Chosen", bound="DataclassInstance")


@dataclass(frozen=True)
class Way:
    """The rule under which a round is played and learnt from, and 0 for heads that answer nothing `[world, head]`."""

    rule: Rule = field(default_factory=Soft)
    kept: Tensor | None = None


@dataclass(frozen=True)
class Recipe:
    """How it is trained."""

    frames: int = 1_600_000
    worlds: int = 64
    steps: int = 64
    epochs: int = 4
    minibatch: int = 1_024
    rate: float = 7e-4
    last_rate: float = 1e-5
    gamma: float = 0.97
    lam: float = 0.95
    clip: float = 0.2
    entropy: float = 0.02  # of the actions, falling to `last_entropy`
    last_entropy: float = 0.001
    sharpness: float = 0.02  # the penalty on the weights' entropy, rising from 0
    layouts: int = 3_000  # of each size
    seed: int = 1

    def sharper(self, done: float) -> float:
        """The penalty on the weights' entropy when a share of the training is over."""
        return self.sharpness * done

    def way(self, number: int) -> Way:
        """How it looks in a round: here always softly, with all heads."""
        return Way()

    @property
    def frames_a_round(self) -> int:
        """How many actions are played before the next steps of learning."""
        return self.worlds * self.steps

    @property
    def rounds(self) -> int:
        """How often it plays, then learns."""
        return self.frames // self.frames_a_round

    @property
    def steps_a_round(self) -> int:
        """Steps of learning."""
        return self.epochs * -(-self.frames_a_round // self.minibatch)


@dataclass
class Rollout:
    """What some steps of many worlds gave: `[step x world]`, worlds fastest."""

    seen: list[Seen]
    actions: Tensor
    logs: Tensor
    values: Tensor
    rewards: Tensor
    ends: Tensor
    last: Tensor


@dataclass(frozen=True)
class Batch:
    """Which share of the training is over; some of what was played, with what came of it."""

    done: float
    way: Way
    seen: Seen
    actions: Tensor
    logs: Tensor
    returns: Tensor
    better: Tensor


class Runner:
    """Worlds that begin anew when they end, and a count of how they ended."""

    def __init__(self, pool: Many, worlds: int, draw: np.random.Generator) -> None:
        self.pool, self.draw, self.taken = pool, draw, np.zeros(worlds, dtype=np.int64)
        self.many = pool.some(np.zeros(worlds, dtype=np.int64))
        self.ended: list[tuple[bool, int]] = []
        self.begin(np.arange(worlds))

    def begin(self, where: Numbers) -> None:
        """Other worlds in some places."""
        self.many.put(where, self.pool, self.draw.integers(len(self.pool.size), size=len(where)))
        self.taken[where] = 0

    @property
    def limit(self) -> Numbers:
        """After how many steps each is given up."""
        return 10 * self.many.size**2

    @property
    def reward(self) -> NDArray[np.float64]:
        """minigrid's, for arriving now."""
        found: NDArray[np.float64] = 1 - 0.9 * self.taken / self.limit
        return found

    def step(self, actions: Numbers) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The rewards, and where a world ended and another began."""
        done, lost = self.many.step(actions)
        self.taken += 1
        rewards = np.where(done, self.reward, 0.0)
        over: NDArray[np.bool_] = done | lost | (self.taken >= self.limit)
        where = np.flatnonzero(over)
        self.ended += [(bool(done[one]), int(self.taken[one])) for one in where]
        self.begin(where)
        return rewards, over


def doors(recipe: Recipe) -> Many:
    """minigrid's own DoorKey of every size."""
    first = LAST_SEED + 1
    return Many.of([made("doorkey", size, first + one) for size in SIZES["doorkey"] for one in range(recipe.layouts)])


@torch.no_grad()
def played(network: Actor, runner: Runner, steps: int, way: Way) -> Rollout:
    """Let the agent act in all worlds, by its probabilities."""
    kept: list[list[Any]] = [[] for _ in range(6)]
    for _ in range(steps):
        seen = runner.many.seen(words=network.shape.words)
        said = network(seen, way.rule, kept=way.kept)
        policy = Categorical(logits=said.logits)
        actions = policy.sample()
        rewards, over = runner.step(actions.numpy())
        found = (seen, actions, policy.log_prob(actions), said.value, torch.tensor(rewards), torch.tensor(over))
        for one, part in zip(kept, found, strict=True):
            one.append(part)
    last = network(runner.many.seen(words=network.shape.words), way.rule, kept=way.kept).value
    return Rollout(kept[0], *(torch.stack(one) for one in kept[1:]), last)  # type: ignore[call-arg]


def advantages(rollout: Rollout, recipe: Recipe) -> Float[Tensor, "step world"]:
    """Generalised advantage estimates (Schulman et al. 2016, eq. 16)."""
    found, after, running = torch.zeros_like(rollout.values), rollout.last, torch.zeros_like(rollout.last)
    for step in reversed(range(len(found))):
        goes_on = 1 - rollout.ends[step].float()
        error = rollout.rewards[step].float() + recipe.gamma * after * goes_on - rollout.values[step]
        running = error + recipe.gamma * recipe.lam * goes_on * running
        found[step], after = running, rollout.values[step]
    return found


def entropy_of(weights: Float[Tensor, "world head cell"]) -> Tensor:
    """The mean entropy of the heads' weights, nats."""
    return -(weights * weights.clamp_min(1e-9).log()).sum(-1).mean()


def part_of(seen: Seen, rows: Tensor) -> Seen:
    """Some of many worlds."""
    assert seen.there is not None
    return Seen(seen.cells[rows], seen.state[rows], seen.words[rows], seen.there[rows])


def joined(parts: list[Seen]) -> Seen:
    """The worlds of several steps in a row."""
    there = torch.cat([one.there for one in parts if one.there is not None])
    cells, state, words = (torch.cat([getattr(one, name) for one in parts]) for name in ("cells", "state", "words"))
    return Seen(cells, state, words, there)


def losses(network: Actor, recipe: Recipe, batch: Batch) -> dict[str, Tensor]:
    """The clipped loss (Schulman et al. 2017, eq. 7 and 9) and the penalty on flat heads, by part."""
    said = network(batch.seen, batch.way.rule, kept=batch.way.kept)
    policy = Categorical(logits=said.logits)
    ratio = (policy.log_prob(batch.actions) - batch.logs).exp()
    gain = torch.minimum(ratio * batch.better, ratio.clamp(1 - recipe.clip, 1 + recipe.clip) * batch.better).mean()
    spread = recipe.entropy + (recipe.last_entropy - recipe.entropy) * batch.done
    flat = entropy_of(said.weights)
    return {
        "gain": -gain, "value": (said.value - batch.returns).square().mean(),
        "spread": -spread * policy.entropy().mean(), "sharp": recipe.sharper(batch.done) * flat,
        "heads": flat.detach(),
    }  # fmt: skip


def batches(network: Actor, runner: Runner, recipe: Recipe) -> Iterator[Batch]:
    """Without end: play, then some epochs over what was played."""
    for number in count():
        way = recipe.way(number)
        rollout = played(network, runner, recipe.steps, way)
        better, whole = advantages(rollout, recipe), joined(rollout.seen)
        normed = (better - better.mean()) / (better.std() + 1e-8)
        flat = [one.flatten() for one in (rollout.actions, rollout.logs, better + rollout.values, normed)]
        for _ in range(recipe.epochs):
            for rows in torch.randperm(recipe.frames_a_round).split(recipe.minibatch):
                kept = None if way.kept is None else way.kept[rows % recipe.worlds]
                here = Way(way.rule, kept)
                yield Batch(number / recipe.rounds, here, part_of(whole, rows), *(one[rows] for one in flat))


def train(recipe: Recipe, folder: Path, network: Actor, runner: Runner) -> Actor:
    """Train, telling now and then how it goes; the folder is written over every 40 rounds."""
    parameters = list(network.parameters())

    def say(now: loop.Now) -> None:
        recent, runner.ended = runner.ended, []
        arrived = [steps for reached, steps in recent if reached]
        ended = f"{len(arrived)} of {len(recent)} arrived in {np.mean(arrived or [0]):.1f} steps"
        print(f"{now.step // recipe.steps_a_round}/{recipe.rounds} {now.seconds:.0f} s: {ended}, {now}", flush=True)

    loop.train(
        loop.Learner(parameters, [torch.optim.Adam(parameters, lr=recipe.rate, eps=1e-5)], longest=0.5),
        batches(network, runner, recipe), partial(losses, network, recipe),
        loop.Course(
            recipe.rounds * recipe.steps_a_round, recipe.rate, partial(rate_at, recipe=recipe),
            {"value": 0.5, "heads": 0.0},
        ),
        loop.Every(10 * recipe.steps_a_round, say, last=True),
        loop.Every(40 * recipe.steps_a_round, lambda now: write(folder, network, recipe, now.seconds), last=True),
    )  # fmt: skip
    return network


def rate_at(step: int, recipe: Recipe) -> float:
    """The share of the full learning rate at a step: straight down by the round."""
    return 1 + (recipe.last_rate / recipe.rate - 1) * (step // recipe.steps_a_round / recipe.rounds)


def write(folder: Path, network: Actor, recipe: DataclassInstance, seconds: float) -> None:
    """The folder of an agent: config.json, model.safetensors, recipe.json."""
    save_tensors(folder / "model.safetensors", dict(network.state_dict()))
    save_facts(folder, config=asdict(network.shape), recipe={**asdict(recipe), "seconds": round(seconds)})


def asked(kind: type[Chosen], name: str, text: str | None) -> tuple[Chosen, Path]:
    """The recipe and the folder to write that the arguments name; both as they were for the agent that is shipped."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WEIGHTS / name)
    for name_, value in asdict(kind()).items():
        parser.add_argument(f"--{name_.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args())
    folder = given.pop("out")
    return kind(**given), folder


def begun(recipe: Recipe) -> tuple[Actor, Runner]:
    """A network that knows nothing, in minigrid's DoorKey."""
    torch.manual_seed(recipe.seed)
    runner = Runner(doors(recipe), recipe.worlds, np.random.default_rng(recipe.seed))
    return Actor(Shape(words=False)), runner


def main() -> None:
    """Read the arguments and train."""
    torch.set_num_threads(1)
    recipe, folder = asked(Recipe, "agent-doorkey", __doc__)
    train(recipe, folder, *begun(recipe))


if __name__ == "__main__":
    main()
