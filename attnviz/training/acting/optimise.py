"""Train agent-doorkey by proximal policy optimisation (Schulman et al. 2017) in plain torch.

    python -m attnviz.training.acting.optimise

Worlds are minigrid's own DoorKey of sizes 5 to 8, of seeds that no page and no card uses, moved in NumPy (`many.py`).
A penalty on the entropy of the heads' weights rises while it learns: without it the agent is as good, but with heads so
flat that it is lost under hard attention.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical

from attnviz.core.rules import Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.acting.network import Actor, Said, Seen, Shape
from attnviz.systems.acting.scene import SIZES
from attnviz.systems.acting.world import LAST_SEED, made
from attnviz.training.acting.many import Many
from attnviz.training.folder import save_facts, save_tensors


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


class Runner:
    """Worlds that begin anew when they end, and a count of how they ended."""

    def __init__(self, recipe: Recipe, draw: np.random.Generator) -> None:
        first = LAST_SEED + 1
        scenes = [
            made("doorkey", size, first + number) for size in SIZES["doorkey"] for number in range(recipe.layouts)
        ]
        self.pool, self.draw = Many.of(scenes), draw
        which = draw.integers(len(scenes), size=recipe.worlds)
        self.many = Many.of([scenes[number] for number in which])
        self.taken = np.zeros(recipe.worlds, dtype=np.int64)
        self.ended: list[tuple[bool, int]] = []

    def step(self, actions: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """minigrid's rewards, and where a world ended and another began."""
        done, _ = self.many.step(actions)
        self.taken += 1
        limit = 10 * self.many.size**2
        rewards = np.where(done, 1 - 0.9 * self.taken / limit, 0.0)
        over = done | (self.taken >= limit)
        where = np.flatnonzero(over)
        self.ended += [(bool(done[one]), int(self.taken[one])) for one in where]
        self.many.put(where, self.pool, self.draw.integers(len(self.pool.size), size=len(where)))
        self.taken[where] = 0
        return rewards, over


@torch.no_grad()
def played(network: Actor, runner: Runner, steps: int) -> Rollout:
    """Let the agent act in all worlds, by its probabilities."""
    kept: list[list[Any]] = [[] for _ in range(6)]
    for _ in range(steps):
        seen = runner.many.seen(words=network.shape.words)
        said = network(seen, Soft())
        policy = Categorical(logits=said.logits)
        actions = policy.sample()
        rewards, over = runner.step(actions.numpy())
        found = (seen, actions, policy.log_prob(actions), said.value, torch.tensor(rewards), torch.tensor(over))
        for one, part in zip(kept, found, strict=True):
            one.append(part)
    last = network(runner.many.seen(words=network.shape.words), Soft()).value
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


def loss_of(said: Said, batch: dict[str, Tensor], recipe: Recipe, done: float) -> Tensor:
    """The clipped loss (Schulman et al. 2017, eq. 7 and 9) and the penalty on flat heads."""
    policy = Categorical(logits=said.logits)
    ratio = (policy.log_prob(batch["actions"]) - batch["logs"]).exp()
    better = batch["better"]
    gain = torch.minimum(ratio * better, ratio.clamp(1 - recipe.clip, 1 + recipe.clip) * better).mean()
    spread = recipe.entropy + (recipe.last_entropy - recipe.entropy) * done
    missed = (said.value - batch["returns"]).square().mean()
    return -gain + 0.5 * missed - spread * policy.entropy().mean() + recipe.sharpness * done * entropy_of(said.weights)  # type: ignore[no-any-return]


def update(network: Actor, optimiser: torch.optim.Optimizer, rollout: Rollout, recipe: Recipe, done: float) -> None:
    """Some epochs over what was played."""
    better = advantages(rollout, recipe)
    whole = joined(rollout.seen)
    flat = {
        "actions": rollout.actions, "logs": rollout.logs, "returns": better + rollout.values,
        "better": (better - better.mean()) / (better.std() + 1e-8),
    }  # fmt: skip
    flat = {name: one.flatten() for name, one in flat.items()}
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(flat["logs"])).split(recipe.minibatch):
            said = network(part_of(whole, rows), Soft())
            loss = loss_of(said, {name: one[rows] for name, one in flat.items()}, recipe, done)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimiser.step()


def train(recipe: Recipe, folder: Path) -> Actor:
    """Train, telling now and then how it goes; the folder is written over every 40 updates."""
    torch.manual_seed(recipe.seed)
    network, begun = Actor(Shape(words=False)), time.time()
    runner = Runner(recipe, np.random.default_rng(recipe.seed))
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.rate, eps=1e-5)
    rounds = recipe.frames // (recipe.worlds * recipe.steps)
    for number in range(rounds):
        done = number / rounds
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate + (recipe.last_rate - recipe.rate) * done
        rollout = played(network, runner, recipe.steps)
        update(network, optimiser, rollout, recipe, done)
        if number % 10 == 9 or number == rounds - 1:
            said = network(rollout.seen[-1], Soft())
            recent, runner.ended = runner.ended, []
            arrived = [steps for reached, steps in recent if reached]
            print(
                f"{number + 1}/{rounds} {time.time() - begun:.0f} s: {len(arrived)} of {len(recent)} arrived in "
                f"{np.mean(arrived or [0]):.1f} steps, heads' entropy {entropy_of(said.weights).item():.2f}", flush=True
            )  # fmt: skip
        if number % 40 == 39 or number == rounds - 1:
            write(folder, network, recipe, time.time() - begun)
    return network


def write(folder: Path, network: Actor, recipe: Any, seconds: float) -> None:
    """The folder of an agent: config.json, model.safetensors, recipe.json."""
    save_tensors(folder / "model.safetensors", dict(network.state_dict()))
    save_facts(folder, config=asdict(network.shape), recipe={**asdict(recipe), "seconds": round(seconds)})


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "agent-doorkey")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args())
    torch.set_num_threads(1)
    train(Recipe(**{name: given[name] for name in asdict(Recipe())}), given["out"])


if __name__ == "__main__":
    main()
