"""What the captioner is measured by: words, sentences, things, and where it looked, on scenes that it has never met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import sacrebleu
import torch
from torch import Tensor

from attnviz.core.rules import Argmax, Rule, Sample, Soft
from attnviz.systems.captions.names import LANGUAGES
from attnviz.systems.captions.network import Captioner
from attnviz.systems.captions.scene import Scene
from attnviz.systems.captions.system import System, written_on
from attnviz.systems.captions.text import BEGIN, END, LONGEST, WORDS
from attnviz.training.captions.data import Batch, training_scene

WAYS: Mapping[str, tuple[Rule, bool]] = {
    "soft": (Soft(), False), "drawn": (Sample(), False), "argmax": (Argmax(), False), "blind": (Soft(), True),
}  # fmt: skip
AT_ONCE = 50  # scenes
BANK = 4_000  # training pictures of one thing, for the nearest neighbour


@dataclass(frozen=True)
class Said:
    """What was said of some scenes in one language, what is true of them, and where its words looked.

    `told` and `truth` are sentences as words; `next_right` is the share of words said right after the true words before
    them, `inside` that of a naming word's weight inside its picture, read so too.
    """

    told: tuple[tuple[str, ...], ...]
    truth: tuple[tuple[str, ...], ...]
    named: tuple[frozenset[str], ...]
    next_right: float
    names_right: float
    inside: float

    def figures(self, language: str) -> dict[str, float]:
        """The figures, 0 to 1; BLEU 0 to 100."""
        hits = [told == truth for told, truth in zip(self.told, self.truth, strict=True)]
        things = [
            len(named & set(told)) / len(named) for named, told in zip(self.named, self.told, strict=True)
        ]  # fmt: skip
        found = {
            "sentence": sum(hits) / len(hits), "f1": word_f1(self.told, self.truth),
            "bleu": bleu(self.told, self.truth), "things": sum(things) / len(things),
            "next_right": self.next_right, "names_right": self.names_right, "inside": self.inside,
        }  # fmt: skip
        return {name: round(value, 4) for name, value in found.items()}


def word_f1(told: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> float:
    """F1 of the words of all sentences, each counted as often as it stands there, whatever its place.

    >>> word_f1([["a", "cat"]], [["a", "big", "cat"]])
    0.8
    """
    common = sum((Counter(one) & Counter(other)).total() for one, other in zip(told, truth, strict=True))
    return 2 * common / max(1, sum(map(len, told)) + sum(map(len, truth)))


def bleu(told: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> float:
    """BLEU of sacrebleu over words, as they are cut; sentences shorter than four words count as far as they reach."""
    lines = [[" ".join(one) for one in side] for side in (told, truth)]
    return float(
        sacrebleu.corpus_bleu(lines[0], [lines[1]], tokenize="none", use_effective_order=True, force=True).score
    )


@torch.inference_mode()
def free(network: Captioner, annotations: Tensor, language: str, rule: Rule) -> list[tuple[str, ...]]:
    """What a network says of pictures that it has read, by itself, the likeliest word at each step."""
    state = network.first(annotations)
    words = torch.full((len(annotations), 1), BEGIN[language])
    ids: list[Tensor] = []
    for number in range(LONGEST):
        state, logits = written_on(network, words, (state, annotations), rule.at(0, 0, number))
        words = logits.argmax(-1, keepdim=True)
        ids.append(words[:, 0])
    rows = torch.stack(ids, dim=1).tolist()
    return [tuple(WORDS[one] for one in row[: row.index(END) if END in row else LONGEST]) for row in rows]


@torch.inference_mode()
def seen(network: Captioner, batch: Batch, blind: bool = False) -> Tensor:
    """The annotations of a batch's pictures, or of as many white canvases."""
    return network.read(torch.full_like(batch.pictures, 255) if blind else batch.pictures)


@torch.inference_mode()
def forced(network: Captioner, batch: Batch, annotations: Tensor, rule: Rule) -> tuple[Tensor, Tensor]:
    """Which words are said right after the true ones `[text, word]`, and the weights `[text, word, place]`."""
    states = network.states(batch.words[:, :-1], network.first(annotations).repeat(2, 1))
    found = network.look(states, annotations.repeat(2, 1, 1), rule)
    return network.logits(states, found.output).argmax(-1) == batch.words[:, 1:], found.weights


def measured(system: System, batches: Sequence[Batch], way: str) -> dict[str, dict[str, float]]:
    """The figures of a system on held-out scenes, with one of the `WAYS` to look, by language."""
    rule, blind = WAYS[way]
    network = system.network
    annotations = [seen(network, batch, blind) for batch in batches]
    looked = [forced(network, *one, rule) for one in zip(batches, annotations, strict=True)]
    found = {}
    for number, language in enumerate(LANGUAGES):
        told = [one for some in annotations for one in free(network, some, language, rule)]
        said = _said(batches, looked, number, told)
        found[language] = said.figures(language)
    return found


def _said(
    batches: Sequence[Batch], looked: Sequence[tuple[Tensor, Tensor]], number: int, told: list[tuple[str, ...]]
) -> Said:
    """All that was said in one language, by its number."""
    language, right, names, shares = LANGUAGES[number], list[bool](), list[bool](), list[Tensor]()
    scenes = [one for batch in batches for one in batch.scenes]
    for batch, (hits, weights) in zip(batches, looked, strict=True):
        first = number * len(batch.scenes)
        for text, one in enumerate(batch.scenes, first):
            row = [*one.sentence(language)]
            right += hits[text, : len(row) + 1].tolist()
            for place, word in enumerate(row):
                if word.of is not None:
                    names.append(bool(hits[text, place]))
                    shares.append(one.inside(weights[text, place], word.of))
    return Said(
        tuple(told), tuple(tuple(word.text for word in one.sentence(language)) for one in scenes),
        tuple(frozenset(put.thing.named(language) for put in one.things) for one in scenes),
        sum(right) / len(right), sum(names) / len(names), float(torch.stack(shares).mean()),
    )  # fmt: skip


def neighbours(drawings: Tensor, batches: Sequence[Batch], seed: int = 61) -> float:
    """How often does the training picture nearest in pixels show the same thing, for pictures of one thing?"""
    random, hits = Random(seed), list[bool]()
    bank = [training_scene(random, 1) for _ in range(BANK)]
    known = torch.stack([one.drawn(drawings) for one in bank]).flatten(1).float() / 255
    for batch in batches:
        asked = batch.pictures.flatten(1).float() / 255
        nearest = torch.cdist(asked, known).argmin(-1).tolist()
        hits += [
            bank[at].things[0].name == one.things[0].name for at, one in zip(nearest, batch.scenes, strict=True)
        ]  # fmt: skip
    return round(sum(hits) / len(hits), 4)


def largest(system: System, batches: Sequence[Batch]) -> float:
    """How much does the heaviest place of a word hold on average, with soft weights?"""
    network = system.network
    most = [forced(network, one, seen(network, one), Soft())[1].amax(-1)[one.real[:, 1:]] for one in batches]
    return round(float(torch.cat(most).mean()), 4)


def batched(drawings: Tensor, scenes: Sequence[Scene]) -> list[Batch]:
    """Scenes in batches."""
    return [Batch.of(scenes[at : at + AT_ONCE], drawings) for at in range(0, len(scenes), AT_ONCE)]
