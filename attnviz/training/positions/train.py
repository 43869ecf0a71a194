"""Train the five small encoders that differ in nothing but how they are told positions.

    python -m attnviz.training.positions.train rotary --zh common_voice_zh.txt --en common_voice_en.txt

The same sentences (Common Voice, CC0 1.0; see ``corpus.py``), tokenizer, losses (masked tokens, word boundaries),
batches and optimisers as the lab models of ``lab.py``; the same seed and steps for all five. The result is
``attnviz/weights/positions-<encoding>``: the weights in float16, the network's shape, the recipe. The tokenizer is
lab-4's.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from attnviz.shipped import WEIGHTS
from attnviz.systems.positions.network import ENCODINGS, Network, Shape
from attnviz.training.corpus import LONGEST, NO_MARK, Marked
from attnviz.training.lab.train import Recipe, batches, blank, descend, optimisers, rate_at, read_data

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


def losses(model: Network, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The masked-token loss and the word-boundary loss of one batch, in nats. A token sees its own text only."""
    text = batch["text"]
    own = text[:, :, None] == text[:, None, :]
    states = model.encoder(batch["ids"], batch["positions"], own).flatten(0, 1)
    return (
        F.cross_entropy(model.filled(states[batch["blanks"]]), batch["targets"]),
        F.cross_entropy(model.boundary(states), batch["marks"].flatten(), ignore_index=NO_MARK),
    )


def train(
    encoding: str, recipe: Recipe, languages: list[list[Marked]], tokenizer: PreTrainedTokenizerFast, folder: Path
) -> None:
    """Run the recipe and write the result to `folder`."""
    ids, rng = tokenizer.get_vocab(), np.random.default_rng(recipe.seed)
    model = new_model(encoding, recipe, len(tokenizer))
    chosen, parameters = optimisers(model, nn.Identity(), recipe), list(model.parameters())
    began, source, smooth = time.time(), batches(languages, recipe, ids), np.zeros(2)
    for number in range(recipe.steps):
        step = blank(next(source), recipe, ids, rng)
        arrays = {**asdict(step.rows), "blanks": step.blanks, "targets": step.targets}
        parts = losses(model, {name: torch.from_numpy(array) for name, array in arrays.items()})
        descend(parts[0] + recipe.boundary_share * parts[1], parameters, chosen, recipe.rate * rate_at(number, recipe))
        smooth += (np.array([part.item() for part in parts]) - smooth) * max(0.02, 1 / (number + 1))
        if number % 100 == 99:
            print(
                f"step {number + 1} loss {smooth[0]:.3f} boundary {smooth[1]:.3f} {time.time() - began:.0f} s",
                flush=True,
            )
        if number % 400 == 399 or number + 1 == recipe.steps:
            save(folder, model, recipe, time.time() - began)


def save(folder: Path, model: Network, recipe: Recipe, seconds: float) -> None:
    """Write the weights in float16, the shape and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    facts = {**asdict(recipe), "seconds": round(seconds)}
    for name, content in (("config", asdict(model.shape)), ("recipe", facts)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encodings", nargs="+", choices=ENCODINGS)
    parser.add_argument("--zh", type=Path, required=True, help="Chinese sentences, one a line")
    parser.add_argument("--en", type=Path, required=True, help="English sentences, one a line")
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
