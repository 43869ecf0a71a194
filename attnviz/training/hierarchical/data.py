"""Documents as the hierarchical networks learn them: cut into words, numbered, put into batches; word vectors first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attnviz.systems.hierarchical.network import UNKNOWN
from attnviz.systems.hierarchical.text import WORDS, entry, sentences
from attnviz.training.documents import Document

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
