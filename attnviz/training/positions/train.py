"""Train the five small encoders that differ in nothing but how they are told positions.

    python -m attnviz.training.positions.train rotary --zh common_voice_zh.txt --en common_voice_en.txt

The same sentences (Common Voice, CC0 1.0; see ``corpus.py``), tokenizer, losses (masked tokens, word boundaries),
batches and optimisers as the lab models of ``training/lab``; the same seed and steps for all five. The result is
``attnviz/weights/positions-<encoding>``: the weights in float16, the network's shape, the recipe. The tokenizer is
lab-4's.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from attnviz.shipped import WEIGHTS
from attnviz.systems.positions import ENCODINGS
from attnviz.systems.positions.network import Network, Shape
from attnviz.training import loop
from attnviz.training.batches import blanked
from attnviz.training.corpus import LONGEST, NO_MARK, Marked, ask_for_sentences, read_data
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.recipe import Recipe, course, learner

RECIPE = Recipe(heads=4, layers=3, width=96, inner=288, steps=1_500, warm_up=150)


def new_model(encoding: str, recipe: Recipe, vocabulary: int) -> Network:
    """An untrained encoder; the parts that all five have in common begin alike."""
    torch.manual_seed(recipe.seed)
    shape = Shape(
        encoding, vocabulary, layers=recipe.layers, heads=recipe.heads, width=recipe.width, inner=recipe.inner,
        longest=LONGEST, init=recipe.init,
    )  # fmt: skip
    model = Network(shape)
    if encoding == "none":
        return model
    shared = new_model("none", recipe, vocabulary).state_dict()
    model.load_state_dict(shared, strict=False)
    return model


def losses(model: Network, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The masked-token loss and the word-boundary loss of one batch, in nats. A token sees its own text only."""
    text = batch["text"]
    own = text[:, :, None] == text[:, None, :]
    states = model.encoder(batch["ids"], batch["positions"], own).flatten(0, 1)
    return {
        "loss": F.cross_entropy(model.filled(states[batch["blanks"]]), batch["targets"]),
        "boundary": F.cross_entropy(model.boundary(states), batch["marks"].flatten(), ignore_index=NO_MARK),
    }


def train(
    encoding: str, recipe: Recipe, languages: list[list[Marked]], tokenizer: PreTrainedTokenizerFast, folder: Path
) -> None:
    """Run the recipe and write the result to `folder`."""
    model = new_model(encoding, recipe, len(tokenizer))
    loop.train(
        learner(recipe, model),
        blanked(languages, recipe, tokenizer.get_vocab()),
        partial(losses, model),
        course(recipe, counts={"boundary": recipe.boundary_share}, bfloat16=False),
        loop.say(),
        loop.Every(400, lambda now: save(folder, model, recipe, now.seconds), last=True),
    )


def save(folder: Path, model: Network, recipe: Recipe, seconds: float) -> None:
    """Write the weights in float16, the shape and the recipe."""
    save_tensors(folder / "model.safetensors", model.state_dict())
    save_facts(folder, config=asdict(model.shape), recipe={**asdict(recipe), "seconds": round(seconds)})


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encodings", nargs="+", choices=ENCODINGS)
    ask_for_sentences(parser)
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the folders are written")
    given = parser.parse_args()
    recipe = Recipe(**{**asdict(RECIPE), "steps": given.steps})
    tokenizer, languages = read_data(given.zh, given.en)
    for encoding in given.encodings:
        print(encoding, flush=True)
        train(encoding, recipe, languages, tokenizer, given.out / f"positions-{encoding}")


if __name__ == "__main__":
    main()
