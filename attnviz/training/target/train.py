"""Train target-words: five ways in which a word or a question finds its place in another text.

    python -m attnviz.training.target.train --pairs tatoeba_cmn_eng.txt

The data are sentence pairs of Tatoeba (https://tatoeba.org, CC BY 2.0 FR) in the form of manythings.org/anki: English,
Chinese, attribution, parted by tabs. Three to five sentences of one language, read as one, make a text; twelve texts
stand in a row at each step. A target is the translation of one of their sentences (or, in a quarter of the steps, that
sentence itself), whole and as a piece of one to three tokens. Each of its tokens, and the mean of them, looks at all
texts. Two losses: the weight on the right sentence (its negative logarithm), and the word: what is taken from the texts
must be nearest to the token that looked, among the tokens of its language (cross-entropy). The states of lab-4 stay as
they are. The result is ``attnviz/weights/target-words``.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.core.rules import Soft
from attnviz.models import load
from attnviz.shipped import WEIGHTS
from attnviz.systems.target.network import SIMILARITIES, Look
from attnviz.training import loop
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.target.data import Batch, Data, Known, Recipe, batches, weights_of


def loss(look: Look, batch: Batch, words: Tensor, known: Known, asked: Tensor, recipe: Recipe) -> dict[str, Tensor]:
    """The loss of the words and that of the place, in nats. `words` are the tokens of the targets' language."""
    rows = torch.multinomial(asked[batch.ids], min(recipe.told_a_step, len(batch.ids)))
    found = look(batch.target[rows][None], batch.text[None], rule=Soft())
    right = batch.place[None, :] == batch.wanted[rows][:, None]
    table = F.normalize(look.words[known.rows(words)], dim=-1)
    logits = recipe.sharpness * F.normalize(found.output[0], dim=-1) @ table.T
    told = F.cross_entropy(logits, torch.searchsorted(words, batch.ids[rows]))
    place = -((found.weights[0] * right).sum(-1).clamp_min(1e-9).log()).mean()
    return {"words": told, "place": place}


def train(name: str, data: Data, recipe: Recipe) -> Look:
    """Train one similarity by the recipe."""
    torch.manual_seed(recipe.seed)
    known = Known.of(data.training)
    width = data.corpora[0].alone["en"].states.shape[-1]
    look = Look(name, width=width, inner=recipe.inner, wide=recipe.wide, words=len(known.all))
    asked = weights_of(data.training)

    def losses(given: tuple[Batch, str]) -> dict[str, Tensor]:
        batch, asks = given
        return loss(look, batch, known.languages[asks], known, asked, recipe)

    loop.train(
        loop.adamw(look, rate=recipe.rate, decay=recipe.weight_decay, betas=(0.9, 0.98)),
        batches(data.corpora, recipe, random.Random(recipe.seed)),
        losses,
        loop.Course(recipe.steps, recipe.rate, partial(rate_at, recipe=recipe), {"place": recipe.place_share}),
        loop.say(name=name),
    )
    return look.eval()


def rate_at(step: int, recipe: Recipe) -> float:
    """The share of the full learning rate at a step: linear warm-up, then linear to 0."""
    return min((step + 1) / recipe.warm_up, (recipe.steps - step) / (recipe.steps - recipe.warm_up))


def save(folder: Path, looks: Sequence[Look], known: Known, recipe: Recipe, seconds: Mapping[str, float]) -> None:
    """Write all five in float16, what is needed to load them, and the recipe."""
    tensors = {f"{look.name}.{name}": tensor for look in looks for name, tensor in look.state_dict().items()}
    tensors |= {f"known.{name}": ids.int() for name, ids in {"all": known.all, **known.languages}.items()}
    save_tensors(folder / "model.safetensors", tensors)
    config = {name: getattr(recipe, name) for name in ("reader", "states", "wide", "inner")}
    facts = {**asdict(recipe), "seconds": {name: round(value) for name, value in seconds.items()}}
    save_facts(folder, config=config, recipe=facts)


def main() -> None:
    """Read the arguments, train all five, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="lines of English, Chinese, attribution")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument(
        "--cache", type=Path, help="a file for the states of lab-4, about 1 GB, so that they are read once"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS / "target-words")
    given = parser.parse_args()
    recipe = Recipe(steps=given.steps)
    model, began = load(recipe.reader), time.time()
    data = Data.read(given.pairs, model, recipe, given.cache)
    seconds = {"reading": time.time() - began}
    print(f"{len(data.training)} pairs, {len(data.held_out)} held out, {seconds['reading']:.0f} s", flush=True)
    looks = []
    for name in SIMILARITIES:
        began = time.time()
        looks.append(train(name, data, recipe))
        seconds[name] = time.time() - began
        save(given.out, looks, Known.of(data.training), recipe, seconds)


if __name__ == "__main__":
    main()
