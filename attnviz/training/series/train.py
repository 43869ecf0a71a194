"""Train the forecaster of Beijing's air, with attention or with the mean of the past in its place.

    python -m attnviz.training.series.train air-beijing --data beijing_pm25.csv
    python -m attnviz.training.series.train air-beijing-even --data beijing_pm25.csv

The next 24 hours of PM2.5 from the past three days; the loss is the pinball loss of three quantiles in micrograms per
cubic metre. What is kept is the running mean of the weights, where the year 2013 was forecast best; 2014 has no say.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from attnviz.core.rules import Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.series import NAMES
from attnviz.systems.series.air import BESIDE, FILE
from attnviz.systems.series.clock import SEASONS
from attnviz.systems.series.network import Forecaster, Shape, Way, pinball
from attnviz.systems.series.window import Scale
from attnviz.training import loop
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.series.data import AHEAD, PARTS, PAST, Lesson, Windows, read_air

UNIT = 50.0  # micrograms that count 1 in the loss
AT_ONCE = 256  # windows measured at once
EVERY = 7  # of the hours of 2013 one in so many is asked during the training


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights."""

    even: bool = False
    width: int = 64
    heads: int = 4
    inner: int = 128
    layers: int = 2
    dropout: float = 0.3
    steps: int = 1_000
    windows_a_step: int = 64
    rate: float = 1.5e-3
    warm_up: int = 100
    weight_decay: float = 0.1
    averaged: float = 0.995
    seed: int = 18


def loss(network: Forecaster, lesson: Lesson) -> Tensor:
    """The mean pinball loss of the hours that were measured, in units of 50 micrograms."""
    found, _ = network(lesson.given, Way(Soft()))
    known = ~lesson.truth.isnan()
    return pinball(found[known].clamp_max(8.0).expm1() / UNIT, lesson.truth[known] / UNIT).mean()


def new_network(recipe: Recipe) -> Forecaster:
    """An untrained network of the recipe's shape."""
    return Forecaster(
        Shape(
            PAST, AHEAD, SEASONS, len(BESIDE), recipe.width, recipe.heads, recipe.inner, recipe.layers, recipe.even,
            dropout=recipe.dropout,
        )
    )  # fmt: skip


def held(network: Forecaster, windows: Windows, every: int = EVERY) -> float:
    """The pinball loss of 2013."""
    starts = windows.starts("validation")[::every]
    with torch.inference_mode():
        return float(torch.stack([loss(network, windows.at(some)) for some in starts.split(AT_ONCE)]).mean())


def train(recipe: Recipe, windows: Windows, folder: Path) -> None:
    """Run the recipe and write the best of it to `folder`."""
    torch.manual_seed(recipe.seed)
    network = new_network(recipe).train()
    average, best = loop.Average.of(network, recipe.averaged), loop.Best()

    def look(now: loop.Now) -> None:
        found = held(average.mean, windows)
        print(f"held {found:.4f}", flush=True)
        best.offer(average.mean, found, step=now.step)
        save(folder, best, network.shape, {**asdict(recipe), "seconds": round(now.seconds)})

    loop.train(
        loop.muon(network, rate=recipe.rate, decay=recipe.weight_decay, float32=True),
        windows.lessons(recipe.windows_a_step, recipe.seed),
        lambda lesson: {"loss": loss(network, lesson)},
        loop.Course(recipe.steps, recipe.rate, partial(loop.cosine, steps=recipe.steps, warm_up=recipe.warm_up)),
        loop.Every(1, average.move), loop.say(50), loop.Every(100, look, last=True),
    )  # fmt: skip
    if not recipe.even:
        save_air(folder, windows)


def first_kept(windows: Windows) -> int:
    """The hour from which on the air is kept: three days before the held-out year."""
    return windows.air.clock.number(PARTS["test"][0]) - PAST


def save(folder: Path, best: loop.Best, shape: Shape, facts: dict[str, Any]) -> None:
    """Write the folder: weights in float16, the sizes and the recipe."""
    save_tensors(folder / "model.safetensors", best.state)
    start = PARTS["test"][0] - PAST * timedelta(hours=1)
    own = {"shape": {**asdict(shape), "dropout": 0.0}, "scale": asdict(Scale(log=True)), "start": start.isoformat()}
    config = {"system": "series", "step": ["hour", 1], **own}
    save_facts(folder, config=config, recipe={**facts, "best_step": best.facts["step"]})


def save_air(folder: Path, windows: Windows) -> None:
    """Write the held-out year and the three days before it, so that it can be shown without the file."""
    kept = windows.air.part(first_kept(windows), len(windows.air)).tensors()
    save_file({name: one.contiguous() for name, one in kept.items()}, folder / FILE)


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=NAMES)
    parser.add_argument("--data", type=Path, required=True, help="beijing_pm25.csv, UCI's file")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--out", type=Path, help="folder to write; attnviz/weights/<model> unless given")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    recipe = Recipe(even=given.model.endswith("even"), steps=given.steps, rate=given.rate)
    train(recipe, Windows(read_air(given.data)), given.out or WEIGHTS / given.model)


if __name__ == "__main__":
    main()
