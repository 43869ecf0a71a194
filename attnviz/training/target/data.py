"""The sentence pairs that target-words learns from, as lab-4 reads them; its recipe, which decides how."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.models import Model
from attnviz.systems.target.network import states_of

LANGUAGES = ("en", "zh")
LONGEST = 40  # tokens of a sentence; a few are longer
Ids = Sequence[int]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights."""

    reader: str = "lab-4"
    states: tuple[int, ...] = (0, 2)
    wide: int = 64
    inner: int = 256
    steps: int = 1_500
    texts_a_step: int = 12
    told_a_step: int = 300
    same_language: float = 0.25
    place_share: float = 1.0
    sharpness: float = 12.0
    rate: float = 4e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    held_out: int = 1_000
    rounds: int = 1
    seed: int = 20


@dataclass(frozen=True)
class Pair:
    """One sentence in both languages, as the reader cuts it, special tokens left out."""

    en: tuple[int, ...]
    zh: tuple[int, ...]


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """(English, Chinese) of every line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines if line.count("\t") >= 1]


def split(pairs: Sequence[tuple[str, str]], count: int, seed: int) -> tuple[list[int], list[int]]:
    """Which pairs are for training, which are held out (at least `count`)?

    Pairs that share a sentence, directly or through others, stay together, so that no held-out sentence was trained on.
    """
    parent: dict[tuple[int, str], tuple[int, str]] = {}

    def top(one: tuple[int, str]) -> tuple[int, str]:
        while parent.setdefault(one, one) != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for en, zh in pairs:
        parent[top((0, en))] = top((1, zh))
    groups: dict[tuple[int, str], list[int]] = {}
    for number, (en, _) in enumerate(pairs):
        groups.setdefault(top((0, en)), []).append(number)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    held: list[int] = []
    while order and len(held) < count:
        held += order.pop()
    return sorted(number for group in order for number in group), sorted(held)


@dataclass(frozen=True)
class Shelf:
    """Many sequences of states in one array: `states` `[token, width]` float16, `ids` `[token]`, where each begins."""

    states: Tensor
    ids: Tensor
    starts: list[int]

    @classmethod
    def of(cls, sequences: Sequence[Ids], model: Model, layers: Sequence[int]) -> Shelf:
        """The reader's states of each sequence, read between [CLS] and [SEP], which are then left out."""
        starts = [0, *np.cumsum([len(one) for one in sequences]).tolist()]
        width = len(layers) * int(model.network.config.hidden_size)
        states = torch.empty(starts[-1], width, dtype=torch.float16)
        by_length: dict[int, list[int]] = {}
        for number, one in enumerate(sequences):
            by_length.setdefault(len(one), []).append(number)
        for length, numbers in by_length.items():
            for at in range(0, len(numbers), most := max(1, 1_024 // length)):
                some = numbers[at : at + most]
                found = states_of(model, torch.tensor([sequences[n] for n in some]), layers)
                for number, state in zip(some, found, strict=True):
                    states[starts[number] : starts[number + 1]] = state.half()
        return cls(states, torch.tensor([i for one in sequences for i in one]), starts)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """States and ids of one sequence."""
        here = slice(self.starts[number], self.starts[number + 1])
        return self.states[here].float(), self.ids[here]


@dataclass(frozen=True)
class Corpus:
    """Pairs as states. `alone` and `pieces` are indexed by pair, `texts` go with `groups`: the pairs in each."""

    alone: dict[str, Shelf]
    pieces: dict[str, Shelf]
    texts: dict[str, Shelf]
    groups: list[list[int]]
    lengths: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, pairs: Sequence[Pair], model: Model, recipe: Recipe, groups: list[list[int]], rng: random.Random
    ) -> Corpus:
        """Read every sentence alone, a piece of it alone, and every group as one text, in both languages."""
        alone, pieces, texts, lengths = {}, {}, {}, {}
        for language in LANGUAGES:
            sentences = [getattr(pair, language) for pair in pairs]
            lengths[language] = [len(one) for one in sentences]
            alone[language] = Shelf.of(sentences, model, recipe.states)
            pieces[language] = Shelf.of([piece(one, rng) for one in sentences], model, recipe.states)
            joined = [[i for pair in group for i in sentences[pair]] for group in groups]
            texts[language] = Shelf.of(joined, model, recipe.states)
        return cls(alone, pieces, texts, groups, lengths)


def piece(sentence: Ids, rng: random.Random) -> Ids:
    """One to three neighbouring tokens of a sentence."""
    size = rng.randint(1, min(3, len(sentence)))
    start = rng.randint(0, len(sentence) - size)
    return sentence[start : start + size]


def grouped(count: int, rng: random.Random, sizes: Sequence[int] = (3, 4, 5)) -> list[list[int]]:
    """All numbers below `count` in groups of random members and sizes."""
    order = rng.sample(range(count), count)
    groups, at = [], 0
    while at + min(sizes) <= count:
        size = rng.choice(sizes)
        groups.append(order[at : at + size])
        at += size
    return [group for group in groups if len(group) >= min(sizes)]


@dataclass(frozen=True)
class Batch:
    """Some texts in a row and all that looks at them.

    `target` `[query, width]` and `text` `[key, width]` are states; `place` `[key]` is the number of a key's sentence,
    `wanted` `[query]` that of the query's, `ids` `[query]` the token that it is (of a mean: one of its tokens), `means`
    which queries are means.
    """

    target: Tensor
    text: Tensor
    place: Tensor
    wanted: Tensor
    ids: Tensor
    means: Tensor


def assemble(corpus: Corpus, numbers: Sequence[int], asks: str, says: str, *, pieces: bool = True) -> Batch:
    """Texts of the language `says`, looked at from their sentences' translations into `asks`."""
    shelves = (corpus.alone[asks], corpus.pieces[asks])[: 1 + pieces]
    pairs = [pair for number in numbers for pair in corpus.groups[number]]
    rows: list[tuple[Tensor, ...]] = []
    for place, pair in enumerate(pairs):
        for shelf in shelves:
            states, ids = shelf[pair]
            some = ids[torch.randint(len(ids), (1,))]  # what the mean is to tell
            mean = F.pad(torch.zeros(len(ids), dtype=torch.bool), (0, 1), value=True)
            both = torch.cat([states, states.mean(0, keepdim=True)])
            rows.append((both, torch.full_like(mean, place, dtype=torch.long), torch.cat([ids, some]), mean))
    target, wanted, ids, means = (torch.cat(column) for column in zip(*rows, strict=True))
    lengths = torch.tensor([corpus.lengths[says][pair] for pair in pairs])
    text = torch.cat([corpus.texts[says][number][0] for number in numbers])
    return Batch(target, text, torch.repeat_interleave(torch.arange(len(pairs)), lengths), wanted, ids, means)


def weights_of(pairs: Sequence[Pair]) -> Tensor:
    """How often each token is asked for, `[token]`: the rarer, the surer (Mikolov et al. 2013, sec. 2.3)."""
    counted = Counter(i for pair in pairs for language in LANGUAGES for i in getattr(pair, language))
    shares = torch.zeros(max(counted) + 1)
    for token, count in counted.items():
        shares[token] = count
    shares /= shares.sum()
    return (1e-4 / shares.clamp_min(1e-9)).sqrt().clamp(max=1.0) * (shares > 0)


@dataclass(frozen=True)
class Known:
    """The tokens seen in training: `all` `[word]`, ascending, the rows of a `Look`'s table; and each language's."""

    all: Tensor
    languages: dict[str, Tensor]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Known:
        """Those of some pairs."""
        found = {name: {i for pair in pairs for i in getattr(pair, name)} for name in LANGUAGES}
        every = torch.tensor(sorted(set().union(*found.values())))
        return cls(every, {name: torch.tensor(sorted(ids)) for name, ids in found.items()})

    def rows(self, ids: Tensor) -> Tensor:
        """Which rows of the table are these tokens'?"""
        return torch.searchsorted(self.all, ids)


def batches(corpora: Sequence[Corpus], recipe: Recipe, rng: random.Random) -> Iterator[tuple[Batch, str]]:
    """Without end: batches, and the language of their targets."""
    while True:
        for corpus in corpora:
            order = rng.sample(range(len(corpus.groups)), len(corpus.groups))
            for at in range(0, len(order) - recipe.texts_a_step + 1, recipe.texts_a_step):
                asks = rng.choice(LANGUAGES)
                other = "zh" if asks == "en" else "en"
                says = asks if rng.random() < recipe.same_language else other
                yield assemble(corpus, order[at : at + recipe.texts_a_step], asks, says), asks


@dataclass(frozen=True)
class Data:
    """What is trained on and what is held out, as pairs and as states."""

    training: list[Pair]
    held_out: list[Pair]
    corpora: list[Corpus]
    held: Corpus

    @classmethod
    def read(cls, path: Path, model: Model, recipe: Recipe, cache: Path | None = None) -> Data:
        """Cut, split and read all pairs; what was read is kept in `cache`, where that is given."""
        if cache is not None and cache.exists():
            found: Data = torch.load(cache, weights_only=False)
            return found
        raw = read_pairs(path)
        training, held_out = ([cut(*raw[n], model) for n in part] for part in split(raw, recipe.held_out, recipe.seed))
        rng = random.Random(recipe.seed)
        corpora = [Corpus.of(training, model, recipe, grouped(len(training), rng), rng) for _ in range(recipe.rounds)]
        held = held_corpus(held_out, model, recipe)
        found = cls(training, held_out, corpora, held)
        if cache is not None:
            torch.save(found, cache)
        return found


def cut(en: str, zh: str, model: Model) -> Pair:
    """A pair as the reader cuts it, of each sentence at most 40 tokens."""
    found = (model.tokenizer(text, add_special_tokens=False)["input_ids"][:LONGEST] for text in (en, zh))
    return Pair(*map(tuple, found))


def held_corpus(pairs: Sequence[Pair], model: Model, recipe: Recipe) -> Corpus:
    """The held-out pairs, four in every text."""
    rng = random.Random(recipe.seed + 1)
    return Corpus.of(pairs, model, recipe, grouped(len(pairs), rng, (4,)), rng)
