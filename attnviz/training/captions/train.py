"""Train the captioner of small scenes: soft attention, or hard attention by REINFORCE (Xu et al. 2015).

    python -m attnviz.training.captions.train soft --emoji emoji
    python -m attnviz.training.captions.train hard --emoji emoji

Both begin with the picture net alone, which learns to name one thing on a canvas: the name of the place that is surest
counts, nobody tells it which place that is. Then the writer learns with it, on scenes composed afresh in every step.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from attnviz.core.rules import Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.captions.names import THINGS
from attnviz.systems.captions.network import Captioner, Shape
from attnviz.systems.captions.scene import DRAWINGS
from attnviz.systems.captions.text import WORDS
from attnviz.training import loop
from attnviz.training.captions.data import Batch, batches, inside, read_drawings, singles
from attnviz.training.captions.hard import Baseline, hard_losses
from attnviz.training.folder import save_facts, save_tensors


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights. `alone_steps` are those of the picture net alone."""

    kind: str
    alone_steps: int = 1_500
    alone_pictures: int = 64
    alone_rate: float = 6e-3
    steps: int = 4_000
    scenes: int = 32
    rate: float = 4e-3
    warm_up: int = 100
    weight_decay: float = 0.01
    entropy: float = 0.02
    seed: int = 16


class Namer(nn.Module):
    """A picture net with a name for each place; of a picture, each name as sure as it is where it is surest."""

    def __init__(self, eye: nn.Module, width: int) -> None:
        super().__init__()
        self.eye, self.names = eye, nn.Linear(width, len(THINGS))

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.logsumexp(self.names(self.eye(pictures)), dim=1)


def learn_names(network: Captioner, drawings: Tensor, recipe: Recipe) -> None:
    """The first part: the picture net learns to name one thing."""
    namer = Namer(network.eye, network.shape.annotation)

    def losses(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        found = namer(batch[0])
        right = (found.argmax(-1) == batch[1]).float().mean()
        return {"loss": F.cross_entropy(found, batch[1]), "right": right}

    loop.train(
        loop.muon(namer, rate=recipe.alone_rate, decay=recipe.weight_decay, float32=True),
        singles(drawings, recipe.alone_pictures, recipe.seed),
        losses,
        loop.Course(
            recipe.alone_steps, recipe.alone_rate,
            partial(loop.cosine, steps=recipe.alone_steps, warm_up=recipe.warm_up), {"right": 0.0},
        ),
        loop.say(25, "alone"),
    )  # fmt: skip


def soft_losses(network: Captioner, batch: Batch) -> dict[str, Tensor]:
    """The cross-entropy of the words with soft attention, and what is said beside it: words right, share inside."""
    annotations = network.read(batch.pictures)
    states = network.states(batch.words[:, :-1], network.first(annotations).repeat(2, 1))
    found = network.look(states, annotations.repeat(2, 1, 1), Soft())
    logits, truth, real = network.logits(states, found.output), batch.words[:, 1:], batch.real[:, 1:]
    right = (logits.argmax(-1) == truth)[real].float().mean()
    return {
        "loss": F.cross_entropy(logits[real], truth[real]),
        "right": right, "inside": inside(found.weights.detach(), batch),
    }  # fmt: skip


def train(recipe: Recipe, emoji: Path, folder: Path, eye: Path | None = None) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 200 steps."""
    torch.manual_seed(recipe.seed)
    drawings, network = read_drawings(emoji), Captioner(Shape(len(WORDS)))
    if eye is None:
        learn_names(network, drawings, recipe)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(network.eye.state_dict(), folder / "eye.pt")
    else:
        network.eye.load_state_dict(torch.load(eye, weights_only=True))
    hard = partial(hard_losses, network, Baseline(len(WORDS)), recipe.entropy)
    losses = hard if recipe.kind == "hard" else partial(soft_losses, network)
    loop.train(
        loop.muon(network, rate=recipe.rate, decay=recipe.weight_decay, float32=True),
        batches(drawings, recipe.scenes, recipe.seed),
        losses,
        loop.Course(
            recipe.steps, recipe.rate, partial(loop.cosine, steps=recipe.steps, warm_up=recipe.warm_up),
            {"right": 0.0, "inside": 0.0},
        ),
        loop.say(25),
        loop.Every(200, lambda now: save(folder, network, drawings, recipe, now.seconds), last=True),
    )  # fmt: skip


def save(folder: Path, network: Captioner, drawings: Tensor, recipe: Recipe, seconds: float) -> None:
    """Write the folder: weights in float16, the drawings side by side, the sizes and the recipe."""
    save_tensors(folder / "model.safetensors", network.state_dict())
    save_facts(folder, config=asdict(network.shape), recipe={**asdict(recipe), "seconds": round(seconds)})
    strip = torch.cat(list(drawings), dim=2).permute(1, 2, 0)
    Image.fromarray(strip.numpy()).save(folder / DRAWINGS, optimize=True)


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("soft", "hard"))
    parser.add_argument("--emoji", type=Path, required=True, help="folder of noto_32.png and emoji.json")
    parser.add_argument("--eye", type=Path, help="eye.pt of an earlier run, in place of the first part")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--alone-steps", type=int, default=Recipe.alone_steps)
    parser.add_argument("--out", type=Path, help="folder to write; attnviz/weights/words-<kind> unless given")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(given.kind, steps=given.steps, alone_steps=given.alone_steps)
    train(recipe, given.emoji, given.out or WEIGHTS / f"words-{given.kind}", given.eye)


if __name__ == "__main__":
    main()
