"""Does attention point at what matters? What the prediction does when a sentence or a word is deleted.

The document is computed again without it: nothing is masked or zeroed. A sentence is read by itself, so without one of
them the vectors of the others are the same, and only the upper level is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.systems.hierarchical.system import Hierarchical, Pieces
from attnviz.trace import Trace


@dataclass(frozen=True)
class Deletion:
    """One sentence or word deleted: its number, the weight that it had, and the class probabilities without it."""

    number: int
    weight: float
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def told(self) -> int:
        """The class that was predicted with it."""
        return max(range(len(self.before)), key=self.before.__getitem__)

    @property
    def change(self) -> float:
        """By how much the probability of that class moved; below 0 where the deletion spoke against it."""
        return self.after[self.told] - self.before[self.told]

    @property
    def moved(self) -> float:
        """How far the class probabilities moved, 0 to 1: half the sum of their changes (total variation)."""
        return sum(abs(a - b) for a, b in zip(self.after, self.before, strict=True)) / 2

    @property
    def flips(self) -> bool:
        """Is another class predicted without it?"""
        return max(range(len(self.after)), key=self.after.__getitem__) != self.told


@torch.no_grad()
def without_sentences(system: Hierarchical, trace: Trace) -> list[Deletion]:
    """What does the model say without each sentence in turn? [] for a document of one sentence.

    The same rule acts. Order: that of the document.
    """
    vectors, above = trace.map("words").outputs, trace.map("sentences")
    count = len(vectors)
    if count < 2:
        return []
    others = torch.stack([torch.cat([vectors[:gone], vectors[gone + 1 :]]) for gone in range(count)])
    after = probabilities(system, others, trace)
    before, weights = tuple(above.probabilities(0).tolist()), above.weights(0, 0)[0].tolist()
    return [Deletion(gone, weights[gone], before, tuple(after[gone].tolist())) for gone in range(count)]


def probabilities(
    system: Hierarchical, vectors: Float[Tensor, "document sentence width"], trace: Trace
) -> Float[Tensor, "document class"]:
    """The class probabilities of documents given by their sentence vectors, under the rule of a trace."""
    return torch.softmax(system.network.classified(system.look_at_sentences(vectors, trace.rule).output[:, 0, 0]), -1)


@torch.no_grad()
def without_words(system: Hierarchical, trace: Trace, pieces: Pieces, words: Sequence[int]) -> list[Deletion]:
    """What does the model say without each of these words (numbers in the document)? Each is deleted alone.

    A word that is all of its sentence takes the sentence with it; the only word of a document cannot be deleted.
    """
    above = trace.map("sentences")
    before = tuple(above.probabilities(0).tolist())
    weights = (above.weights(0, 0)[0] @ trace.map("words").weights(0, 0)).tolist()
    found = []
    for word in words:
        vectors = _less(system, trace, pieces, word)
        if len(vectors):
            after = probabilities(system, vectors[None], trace)[0]
            found.append(Deletion(word, weights[word], before, tuple(after.tolist())))
    return found


def _less(system: Hierarchical, trace: Trace, pieces: Pieces, word: int) -> Float[Tensor, "sentence width"]:
    """The sentence vectors of a document without one word; only its own sentence is read again."""
    ends = list(accumulate(map(len, pieces.ids)))
    row = next(number for number, end in enumerate(ends) if word < end)
    place = word - (ends[row] - len(pieces.ids[row]))
    ids, vectors = pieces.ids[row], trace.map("words").outputs
    left = ids[:place] + ids[place + 1 :]
    new = [system.look_at_words([left], trace.rule, first=row).output[0]] if left else []
    return torch.cat([vectors[:row], *new, vectors[row + 1 :]])
