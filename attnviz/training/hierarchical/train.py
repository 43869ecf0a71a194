"""Train a hierarchical attention network (Yang et al. 2016) on documents.

    python -m attnviz.training.hierarchical.train han-reviews --data movie_reviews.zip
    python -m attnviz.training.hierarchical.train han-topics --data kdconv

The public originals: "Sentiment Polarity Dataset Version 2.0" (Pang and Lee 2004,
www.cs.cornell.edu/people/pabo/movie-review-data), CC BY 4.0, as the archive of text files that NLTK hands on
(``movie_reviews.zip``); KdConv (Zhou et al. 2020, github.com/thu-coai/KdConv), Apache-2.0, its dev and test files.

A plain network learns 1,400 reviews by heart. What holds against it here: words read as unknown at random, word vectors
that begin as PPMI factors of the training reviews' own text (Levy and Goldberg 2014), a small GRU, decay, and stopping
where the validation reviews are told best. Of several seeds the one best on validation is kept; the test is read once,
by ``card.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from attnviz.shipped import WEIGHTS
from attnviz.systems.hierarchical.network import Dropped, Network, Shape
from attnviz.training import loop
from attnviz.training.documents import Document, Split, read_reviews, read_topics
from attnviz.training.folder import save_facts, save_tensors
from attnviz.training.hierarchical.data import (
    RECIPES,
    Batch,
    Read,
    Recipe,
    batches,
    cut,
    factors,
    gathered,
    numbered,
    vocabulary,
)


@torch.inference_mode()
def told(network: Network, documents: Sequence[Read], classes: Sequence[int]) -> tuple[float, float]:
    """The share of documents told right, and the mean cross-entropy in nats; sentences are read whole."""
    network.eval()
    scores = []
    for start in range(0, len(documents), 16):
        batch = gathered(documents[start : start + 16], classes[start : start + 16], longest=1_000)
        scores.append(network(batch.ids, batch.lengths, batch.counts))
    found, wanted = torch.cat(scores), torch.tensor(list(classes))
    return (found.argmax(-1) == wanted).float().mean().item(), F.cross_entropy(found, wanted).item()


@dataclass(frozen=True)
class Learnt:
    """One seed's best network by validation loss."""

    seed: int
    epoch: int
    accuracy: float
    loss: float
    state: Mapping[str, Tensor]


def learn(seed: int, recipe: Recipe, split: Split[Read], words: int, vectors: Tensor) -> Learnt:
    """Train one seed, the rate falling to 0 along a cosine; keep the epoch whose validation loss is lowest."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    shape = Shape(words, recipe.embedding, recipe.hidden, recipe.compared, len(recipe.classes))
    network = Network(shape, Dropped(recipe.drop_words, recipe.drop_embedding, recipe.drop_hidden))
    with torch.no_grad():
        network.embedding.weight.copy_(vectors)
    an_epoch = -(-len(split.training) // recipe.documents_a_step)
    steps, best = recipe.epochs * an_epoch, loop.Best()

    def judge(now: loop.Now) -> None:
        epoch = now.step // an_epoch - 1
        accuracy, nats = told(network, split.validation, split.validation_classes)
        said = f"{now} validation {accuracy:.3f} {nats:.3f} {now.seconds:.0f} s"
        print(f"seed {seed} epoch {epoch} {said}", flush=True)
        best.offer(network, nats, epoch=epoch, accuracy=accuracy)
        network.train()

    loop.train(
        loop.adamw(network, rate=recipe.rate, decay=recipe.decay, fused=True),
        (b for _ in range(recipe.epochs) for b in batches(split.training, split.training_classes, recipe, rng)),
        lambda batch: {"loss": loss(network, batch, recipe)},
        loop.Course(steps, recipe.rate, partial(loop.cosine, steps=steps)),
        loop.Every(an_epoch, judge),
    )
    return Learnt(seed, int(best.facts["epoch"]), best.facts["accuracy"], best.value, best.state)


def loss(network: Network, batch: Batch, recipe: Recipe) -> Tensor:
    """The cross-entropy of a batch with smoothed labels, in nats."""
    scores = network(batch.ids, batch.lengths, batch.counts)
    return F.cross_entropy(scores, batch.classes, label_smoothing=recipe.smoothing)


def main() -> None:
    """Read the arguments, train the seeds, keep the best and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=tuple(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help="movie_reviews.zip, or the folder of kdconv_*.json")
    parser.add_argument("--out", type=Path, help="folder to write; attnviz/weights/<name> unless given")
    given = parser.parse_args()
    read = read_reviews if given.name == "han-reviews" else read_topics
    torch.set_num_threads(1)
    run(RECIPES[given.name], read(given.data), given.out or WEIGHTS / given.name)


def run(recipe: Recipe, split: Split[Document], folder: Path) -> None:
    """Train all seeds of a recipe and write the best to `folder`."""
    began = time.time()
    cuts = split.each(lambda document: cut(document, recipe))
    words = vocabulary(cuts.training, recipe.least)
    number = {word: place for place, word in enumerate(words)}
    reads = cuts.each(lambda document: numbered(document, number))
    torch.manual_seed(0)
    vectors = factors(reads.training, len(words), recipe.embedding)
    print(
        f"{len(words)} words, documents {[len(part) for part in split.parts]}, {time.time() - began:.0f} s", flush=True
    )
    best = min((learn(seed, recipe, reads, len(words), vectors) for seed in recipe.seeds), key=lambda one: one.loss)
    print(f"kept seed {best.seed}, epoch {best.epoch}: validation {best.accuracy:.3f} {best.loss:.3f}")
    save(folder, best, words, recipe, time.time() - began)


def save(folder: Path, best: Learnt, words: Sequence[str], recipe: Recipe, seconds: float) -> None:
    """Write the weights in float16, the vocabulary, the shape and the recipe."""
    save_tensors(folder / "model.safetensors", best.state)
    (folder / "vocabulary.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    shape = Shape(len(words), recipe.embedding, recipe.hidden, recipe.compared, len(recipe.classes))
    config = {
        **asdict(shape), "language": recipe.language, "class_names": recipe.classes, "lines_only": recipe.lines_only
    }  # fmt: skip
    facts = {
        **asdict(recipe), "kept_seed": best.seed, "kept_epoch": best.epoch, "seconds": round(seconds),
        "validation_accuracy": round(best.accuracy, 4), "validation_nats": round(best.loss, 4),
    }  # fmt: skip
    save_facts(folder, config=config, recipe=facts)


if __name__ == "__main__":
    main()
