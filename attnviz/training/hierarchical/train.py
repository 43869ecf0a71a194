"""Train a hierarchical attention network (Yang et al. 2016) on documents.

    python -m attnviz.training.hierarchical.train han-reviews --data movie_reviews.zip
    python -m attnviz.training.hierarchical.train han-topics --data kdconv

The public originals: "Sentiment Polarity Dataset Version 2.0" (Pang and Lee 2004,
www.cs.cornell.edu/people/pabo/movie-review-data), CC BY 4.0, as the archive of text files that NLTK hands on
(``movie_reviews.zip``); KdConv (Zhou et al. 2020, github.com/thu-coai/KdConv), Apache-2.0, its dev and test files.

A plain network learns 1,400 reviews by heart. What holds against it here: words read as unknown at random, word vectors
that begin as PPMI factors of the training reviews' own text (Levy and Goldberg 2014), a small GRU, decay, and stopping
where the validation reviews are told best. Of several seeds the one best on validation is kept; the test is read once,
by ``hierarchical_card``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from attnviz.shipped import WEIGHTS
from attnviz.systems.hierarchical.network import UNKNOWN, Dropped, Network, Shape
from attnviz.systems.hierarchical.text import WORDS, entry, sentences
from attnviz.training.hierarchical.data import Document, Split, read_reviews, read_topics

WINDOW = 5  # words to each side that count as company


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what is learnt."""

    language: str
    classes: tuple[str, ...]
    lines_only: bool
    least: int = 4  # a word seen less often in training is unknown
    embedding: int = 64
    hidden: int = 50
    compared: int = 64
    drop_words: float = 0.4
    drop_embedding: float = 0.3
    drop_hidden: float = 0.4
    rate: float = 2e-3
    decay: float = 1e-2
    smoothing: float = 0.1
    documents_a_step: int = 16
    epochs: int = 7
    longest: int = 60  # words of a sentence that are read in training
    seeds: tuple[int, ...] = (0,)


RECIPES = {
    "han-reviews": Recipe("en", ("negative", "positive"), lines_only=False),
    "han-topics": Recipe("zh", ("film", "music", "travel"), lines_only=True, least=2, epochs=4, rate=4e-3),
}
Read = list[list[int]]  # a document as the numbers of its words, a list for each sentence


def cut(document: Document, recipe: Recipe) -> list[list[str]]:
    """The sentences of a document, each as its words in the form of the vocabulary."""
    text = document.text
    rows = [text[start:end] for start, end in sentences(text, lines_only=recipe.lines_only)]
    return [[entry(row[a:b]) for a, b in WORDS[recipe.language](row)] for row in rows]


def vocabulary(documents: Sequence[Sequence[Sequence[str]]], least: int) -> list[str]:
    """The words seen at least so often, the most frequent first, after the one for all others."""
    counts = Counter(word for document in documents for row in document for word in row)
    kept = sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))
    return ["[UNK]", *kept]


def numbered(document: Sequence[Sequence[str]], number: Mapping[str, int]) -> Read:
    """The same document as numbers; sentences of no word are left out."""
    return [[number.get(word, UNKNOWN) for word in row] for row in document if row]


def factors(documents: Sequence[Read], words: int, width: int) -> Tensor:
    """Word vectors [word, width] from the company words keep: the leading factors of their positive PMI."""
    pairs: Counter[int] = Counter()
    for row in (np.array(row) for document in documents for row in document):
        for far in range(1, WINDOW + 1):
            pairs.update((row[:-far] * words + row[far:]).tolist())
    keys = np.fromiter(pairs, dtype=np.int64)
    count = np.fromiter(pairs.values(), dtype=np.float64)
    first, second = np.concatenate([keys // words, keys % words]), np.concatenate([keys % words, keys // words])
    both = np.concatenate([count, count])
    alone = np.bincount(first, both, words)
    smooth = alone**0.75  # contexts smoothed, which tempers rare ones (Levy, Goldberg and Dagan 2015)
    pmi = np.log(both / alone[first] / smooth[second] * smooth.sum())
    good = (pmi > 0) & (first != UNKNOWN) & (second != UNKNOWN)
    matrix = torch.sparse_coo_tensor(
        torch.from_numpy(np.stack([first[good], second[good]])),
        torch.from_numpy(pmi[good]).float(),
        (words, words),
        check_invariants=False,
    ).coalesce()
    u, s, _ = torch.svd_lowrank(matrix, q=width + 16, niter=4)
    vectors = u[:, :width] * s[:width].sqrt()
    lengths: Tensor = vectors.norm(dim=1)
    scaled: Tensor = vectors / lengths.mean().clamp_min(1e-6)
    return scaled


@dataclass(frozen=True)
class Batch:
    """Documents beside each other: what `Network` takes, and their classes."""

    ids: Tensor
    lengths: Tensor
    counts: Tensor
    classes: Tensor


def gathered(documents: Sequence[Read], classes: Sequence[int], longest: int) -> Batch:
    """One batch of documents, their sentences padded to the longest."""
    rows = [torch.tensor(row[:longest]) for document in documents for row in document]
    return Batch(
        torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
        torch.tensor([len(row) for row in rows]),
        torch.tensor([len(document) for document in documents]),
        torch.tensor(classes),
    )


def batches(
    documents: Sequence[Read], classes: Sequence[int], recipe: Recipe, rng: np.random.Generator
) -> Iterator[Batch]:
    """All documents once in random order."""
    order = rng.permutation(len(documents))
    for start in range(0, len(order), recipe.documents_a_step):
        chosen = order[start : start + recipe.documents_a_step]
        yield gathered([documents[n] for n in chosen], [classes[n] for n in chosen], recipe.longest)


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
    state: dict[str, Tensor]


def learn(seed: int, recipe: Recipe, split: Split[Read], words: int, vectors: Tensor) -> Learnt:
    """Train one seed, the rate falling to 0 along a cosine; keep the epoch whose validation loss is lowest."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    shape = Shape(words, recipe.embedding, recipe.hidden, recipe.compared, len(recipe.classes))
    network = Network(shape, Dropped(recipe.drop_words, recipe.drop_embedding, recipe.drop_hidden))
    with torch.no_grad():
        network.embedding.weight.copy_(vectors)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, fused=True)
    steps = recipe.epochs * -(-len(split.training) // recipe.documents_a_step)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    best: Learnt | None = None
    for epoch in range(recipe.epochs):
        began, total = time.time(), 0.0
        network.train()
        for batch in batches(split.training, split.training_classes, recipe, rng):
            total += descend(network, batch, optimiser, recipe) * len(batch.classes) / len(split.training)
            falling.step()
        accuracy, nats = told(network, split.validation, split.validation_classes)
        said = f"loss {total:.3f} validation {accuracy:.3f} {nats:.3f} {time.time() - began:.0f} s"
        print(f"seed {seed} epoch {epoch} {said}", flush=True)
        if best is None or nats < best.loss:
            best = Learnt(seed, epoch, accuracy, nats, {n: t.clone() for n, t in network.state_dict().items()})
    assert best is not None
    return best


def descend(network: Network, batch: Batch, optimiser: torch.optim.Optimizer, recipe: Recipe) -> float:
    """One step down the loss of a batch, which is returned."""
    scores = network(batch.ids, batch.lengths, batch.counts)
    loss = F.cross_entropy(scores, batch.classes, label_smoothing=recipe.smoothing)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return loss.item()


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
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in best.state.items()}, folder / "model.safetensors")
    (folder / "vocabulary.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    shape = Shape(len(words), recipe.embedding, recipe.hidden, recipe.compared, len(recipe.classes))
    config = {
        **asdict(shape), "language": recipe.language, "class_names": recipe.classes, "lines_only": recipe.lines_only
    }  # fmt: skip
    facts = {
        **asdict(recipe), "kept_seed": best.seed, "kept_epoch": best.epoch, "seconds": round(seconds),
        "validation_accuracy": round(best.accuracy, 4), "validation_nats": round(best.loss, 4),
    }  # fmt: skip
    for name, content in (("config.json", config), ("recipe.json", facts)):
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
