"""Train agent-dt, a Decision Transformer (Chen et al. 2021), on ways of different quality (`ways.py`).

    python -m attnviz.training.acting.decide --ways FILE

Whole episodes are learnt from, and now and then one from its middle on; the loss is that of the action at every step
(cross entropy), whoever walked. Nothing tells the network which ways are good: it is told the return alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.core.rules import Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.acting.decision import Decider, Past, Shape
from attnviz.systems.acting.scene import ACTIONS
from attnviz.systems.acting.told import FEATURES, MOST, UNIT
from attnviz.training import loop
from attnviz.training.acting.ways import Walks
from attnviz.training.folder import save_facts, save_tensors

NONE = -100  # no action: what cross entropy leaves out


@dataclass(frozen=True)
class Recipe:
    """How it is trained."""

    steps: int = 1_200
    episodes: int = 24  # a batch
    rate: float = 2e-3
    decay: float = 0.01
    warm_up: int = 100
    dropout: float = 0.0
    middle: float = 0.3  # how often an episode begins at another step than its first
    layers: int = 2
    heads: int = 4
    width: int = 96
    seed: int = 1

    @property
    def shape(self) -> Shape:
        """The network."""
        return Shape(
            FEATURES, len(ACTIONS), self.width, MOST, self.layers, self.heads, action_tanh=False,
            resid_pdrop=self.dropout,
        )  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """Episodes `[episode, step]`, filled up at their ends with steps that have no action."""

    past: Past
    actions: Tensor


def batches(ways: Walks, recipe: Recipe) -> Iterator[Batch]:
    """Without end: some episodes, those of a batch about equally long."""
    draw = np.random.default_rng(recipe.seed)
    lengths = np.diff([*ways.first, len(ways.actions)])
    while True:
        order = np.argsort(lengths + draw.uniform(0, 4, len(lengths)))
        parts = order[: len(order) // recipe.episodes * recipe.episodes].reshape(-1, recipe.episodes)
        for part in draw.permutation(parts):
            yield batch(ways, part, np.where(draw.random(len(part)) < recipe.middle, draw.random(len(part)), 0))


def batch(ways: Walks, episodes: np.ndarray, begun: np.ndarray) -> Batch:
    """Some episodes, each from a share `begun` of its steps on."""
    lengths = np.diff([*ways.first, len(ways.actions)])[episodes]
    first = np.floor(begun * lengths).astype(np.int64)
    times = first[:, None] + np.arange((lengths - first).max())
    there = times < lengths[:, None]
    times = np.minimum(times, lengths[:, None] - 1)
    rows = ways.first[episodes][:, None] + times
    actions = torch.from_numpy(ways.actions[rows].astype(np.int64))
    returns = (ways.returns[episodes][:, None] + times).astype(np.float32) / UNIT
    past = Past(
        torch.from_numpy(returns)[..., None], ways.states(rows), F.one_hot(actions, len(ACTIONS)).float(),
        torch.from_numpy(times),
    )  # fmt: skip
    return Batch(past, actions.masked_fill(torch.from_numpy(~there), NONE))


def losses(network: Decider, given: Batch) -> dict[str, Tensor]:
    """The cross entropy of the actions, and the share that is guessed."""
    scores = network.scores(network(given.past, Soft())[0]).flatten(0, 1)
    actions = given.actions.flatten()
    known = actions != NONE
    right = (scores.argmax(-1) == actions)[known].float().mean()
    return {"action": F.cross_entropy(scores, actions, ignore_index=NONE), "right": right}


def train(recipe: Recipe, ways: Walks, folder: Path) -> Decider:
    """Train, telling now and then how it goes; the folder is written over as it goes on."""
    torch.manual_seed(recipe.seed)
    network = Decider(recipe.shape).train()
    loop.train(
        loop.adamw(network, rate=recipe.rate, decay=recipe.decay), batches(ways, recipe), partial(losses, network),
        loop.Course(
            recipe.steps, recipe.rate, partial(loop.cosine, steps=recipe.steps, warm_up=recipe.warm_up), {"right": 0.0}
        ),
        loop.say(100),
        loop.Every(500, lambda now: write(folder, network, {**asdict(recipe), **ways.facts}, now.seconds), last=True),
    )  # fmt: skip
    return network


def write(folder: Path, network: Decider, facts: Mapping[str, Any], seconds: float) -> None:
    """A folder that transformers' `DecisionTransformerModel` reads too: config.json, model.safetensors, recipe.json."""
    save_tensors(folder / "model.safetensors", dict(network.state_dict()))
    kept = {name: value for name, value in asdict(network.shape).items() if name != "resid_pdrop"}
    config = {"model_type": "decision_transformer", **kept, "n_positions": 1}
    save_facts(folder, config=config, recipe={**facts, "seconds": round(seconds)})


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", type=Path, required=True, help="what `ways.py` wrote")
    parser.add_argument("--out", type=Path, default=WEIGHTS / "agent-dt")
    for field, value in asdict(Recipe()).items():
        parser.add_argument(f"--{field.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args())
    folder, ways = given.pop("out"), given.pop("ways")
    torch.set_num_threads(1)
    train(Recipe(**given), Walks.read(ways), folder)


if __name__ == "__main__":
    main()
