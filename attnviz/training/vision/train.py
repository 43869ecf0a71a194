"""Train one vision transformer on pictures of clothes: the head count is what varies, or whether it knows places.

    python -m attnviz.training.vision.train --heads 4 --data fashion_mnist
    python -m attnviz.training.vision.train --heads 4 --bag --data fashion_mnist

The result is an ordinary Hugging Face folder, ``attnviz/weights/vit-<heads>``: a ViT (Dosovitskiy et al. 2021) for
patches of 4 x 4 pixels, `config.json` with the labels in Chinese and English (`label_names`). With ``--bag`` the
embedding of positions is zero and stays so: to ``vit-4-bag`` a picture is a bag of patches.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from transformers import ViTConfig, ViTForImageClassification

from attnviz.shipped import WEIGHTS
from attnviz.training import loop
from attnviz.training.folder import save_facts
from attnviz.training.vision.data import MEAN, NAMES, PATCH, SIDE, SPREAD, Recipe, batches, read_clothes

PROCESSOR = {
    "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [MEAN] * 3, "image_std": [SPREAD] * 3,
    "image_processor_type": "ViTImageProcessor", "resample": 2, "rescale_factor": 1 / 255,
    "size": {"height": SIDE, "width": SIDE},
}  # fmt: skip


def new_model(recipe: Recipe) -> ViTForImageClassification:
    """A vision transformer as the recipe has it; where it has no positions, theirs are zero and fixed."""
    names = dict(enumerate(NAMES["en"]))
    said: dict[str, Any] = {
        "image_size": SIDE, "patch_size": PATCH, "num_channels": 3, "hidden_size": recipe.width,
        "num_hidden_layers": recipe.layers, "num_attention_heads": recipe.heads, "intermediate_size": recipe.inner,
        "initializer_range": recipe.init, "id2label": names, "label2id": {name: at for at, name in names.items()},
        "label_names": NAMES, "attn_implementation": "sdpa",
    }  # fmt: skip
    config = ViTConfig(**said)
    model = ViTForImageClassification(config)
    if not recipe.positions:
        positions = model.vit.embeddings.position_embeddings
        positions.data.zero_()
        positions.requires_grad_(False)
    return model


def kept_at(step: int, recipe: Recipe) -> int | None:
    """How many patches are read at a step; None for all."""
    return recipe.kept if step < recipe.steps * (1 - recipe.whole) else None


def answers(
    model: ViTForImageClassification, pictures: Float[Tensor, "picture 3 28 28"], kept: int | None = None
) -> Float[Tensor, "picture label"]:
    """The logits of each picture, from all patches or from so many, chosen at random for each."""
    if kept is None:
        logits: Tensor = model(pixel_values=pictures).logits
        return logits
    hidden = model.vit.embeddings(pictures)
    count, places, _ = hidden.shape
    chosen = torch.rand(count, places - 1).argsort(dim=-1)[:, :kept] + 1
    places_read = F.pad(chosen, (1, 0))  # the class token, place 0, is always read
    hidden = hidden[torch.arange(count)[:, None], places_read]
    for layer in model.vit.layers:
        hidden = layer(hidden, None)
    found: Tensor = model.classifier(model.vit.layernorm(hidden)[:, 0])
    return found


def train(recipe: Recipe, data: Path, folder: Path, kept: loop.Kept | None = None) -> None:
    """Run the recipe and write the result to `folder`, a snapshot every 500 steps; go on from what was `kept`."""
    torch.manual_seed(recipe.seed)
    model, clothes = new_model(recipe), read_clothes(data, "train")

    def losses(batch: tuple[int, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        step, (pictures, labels) = batch
        return {"loss": F.cross_entropy(answers(model, pictures, kept_at(step, recipe)), labels)}

    share = partial(loop.cosine, steps=recipe.steps, warm_up=recipe.warm_up)
    loop.train(
        loop.muon(model, rate=recipe.rate, decay=recipe.weight_decay, float32=True),
        enumerate(batches(clothes, recipe)),
        losses,
        loop.Course(recipe.steps, recipe.rate, share),
        loop.say(),
        loop.Every(500, lambda now: save(folder, model, recipe, now.seconds), last=True),
        kept=kept,
    )


def save(folder: Path, model: ViTForImageClassification, recipe: Recipe, seconds: float) -> None:
    """Write the folder: weights in float16, what its pictures go through, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).half().save_pretrained(folder)
    save_facts(folder, preprocessor_config=PROCESSOR, recipe={**asdict(recipe), "seconds": round(seconds)})


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, required=True, choices=(1, 2, 4, 8))
    parser.add_argument("--bag", action="store_true", help="without an embedding of positions")
    parser.add_argument("--data", type=Path, required=True, help="folder of the four files of Fashion-MNIST")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--out", type=Path, help="folder to write; attnviz/weights/vit-<heads>[-bag] unless given")
    parser.add_argument("--kept", type=Path, help="a file from which a training that was cut off goes on")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    name = f"vit-{given.heads}" + ("-bag" if given.bag else "")
    recipe = Recipe(heads=given.heads, positions=not given.bag, steps=given.steps, rate=given.rate)
    train(recipe, given.data, given.out or WEIGHTS / name, given.kept and loop.Kept(given.kept))


if __name__ == "__main__":
    main()
