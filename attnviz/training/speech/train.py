"""Train the writer of spoken digits.

    python -m attnviz.training.speech.train --data recordings

Beside the words that are to be written, the encoder's frames alone learn to tell the digits in their order, wherever
they may lie (CTC; Watanabe et al. 2017), by a layer that is thrown away afterwards: without it, it takes many times as
long before the decoder finds where to listen. Nobody tells any map where a digit is.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnviz.shipped import WEIGHTS
from attnviz.systems.speech.network import Listener, Shape
from attnviz.systems.speech.text import DIGITS
from attnviz.training import loop
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.speech.data import Batch, batches, held_out, known, read_clips
from attnviz.training.speech.measure import error_rate


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights. `order` is what the encoder's own task counts."""

    steps: int = 1_200
    strings: int = 32
    rate: float = 4e-3
    warm_up: int = 100
    weight_decay: float = 0.01
    order: float = 0.5
    seed: int = 18


def losses(network: Listener, frames: nn.Linear, batch: Batch) -> dict[str, Tensor]:
    """The cross-entropy of the tokens and of their order in the frames; beside them the share of tokens right."""
    heard = network.hear(batch.mel, batch.real)
    logits = network.out(network.write(batch.ids[:, :-1], heard, batch.real))
    truth = batch.ids[:, 1:]
    real = torch.arange(truth.shape[1]) <= batch.lengths[:, None]
    ordered = F.log_softmax(frames(heard), dim=-1).transpose(0, 1)
    order = F.ctc_loss(
        ordered, truth, batch.real.sum(-1), batch.lengths, blank=DIGITS, zero_infinity=True,
    )  # fmt: skip
    right = (logits.argmax(-1) == truth)[real].float().mean()
    return {"words": F.cross_entropy(logits[real], truth[real]), "order": order, "right": right}


def train(recipe: Recipe, data: Path, folder: Path) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 200 steps."""
    torch.manual_seed(recipe.seed)
    clips, network = read_clips(data), Listener(Shape())
    frames = nn.Linear(network.shape.width, DIGITS + 1)
    strings = held_out(known(clips), 60, seed=1)

    def snapshot(now: loop.Now) -> None:
        save(folder, network, recipe, now)
        print(f"held out: digit error rate {error_rate(network, strings):.4f}", flush=True)

    loop.train(
        loop.muon(network, frames, rate=recipe.rate, decay=recipe.weight_decay, float32=True),
        batches(clips, recipe.strings, recipe.seed),
        partial(losses, network, frames),
        loop.Course(
            recipe.steps, recipe.rate, partial(loop.cosine, steps=recipe.steps, warm_up=recipe.warm_up),
            {"order": recipe.order, "right": 0.0},
        ),
        loop.say(25),
        loop.Every(200, snapshot, last=True),
        kept=loop.Kept(folder / "cut.pt", 400),
    )  # fmt: skip


def save(folder: Path, network: Listener, recipe: Recipe, now: loop.Now) -> None:
    """Write the folder: weights in float16, the sizes and the recipe."""
    save_tensors(folder / "model.safetensors", network.state_dict())
    facts = {**asdict(recipe), "stopped": now.step, "seconds": round(now.seconds)}
    save_facts(folder, config=asdict(network.shape), recipe=facts)


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder ``recordings`` of the data set")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--out", type=Path, default=WEIGHTS / "digits", help="folder to write")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    train(Recipe(steps=given.steps), given.data, given.out)


if __name__ == "__main__":
    main()
