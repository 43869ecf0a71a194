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
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from attnviz.core.rules import Soft
from attnviz.models import Model, load
from attnviz.shipped import WEIGHTS
from attnviz.systems.target.system import SIMILARITIES, Look, states_of

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


def loss(look: Look, batch: Batch, words: Tensor, known: Known, asked: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """The loss of the words and that of the place, in nats. `words` are the tokens of the targets' language."""
    rows = torch.multinomial(asked[batch.ids], min(recipe.told_a_step, len(batch.ids)))
    found = look(batch.target[rows][None], batch.text[None], rule=Soft())
    right = batch.place[None, :] == batch.wanted[rows][:, None]
    table = F.normalize(look.words[known.rows(words)], dim=-1)
    logits = recipe.sharpness * F.normalize(found.output[0], dim=-1) @ table.T
    told = F.cross_entropy(logits, torch.searchsorted(words, batch.ids[rows]))
    return told, -((found.weights[0] * right).sum(-1).clamp_min(1e-9).log()).mean()


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


def train(name: str, data: Data, recipe: Recipe) -> Look:
    """Train one similarity by the recipe."""
    torch.manual_seed(recipe.seed)
    known = Known.of(data.training)
    width = data.corpora[0].alone["en"].states.shape[-1]
    look = Look(name, width=width, inner=recipe.inner, wide=recipe.wide, words=len(known.all))
    optimiser = torch.optim.AdamW(
        look.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
    )  # fmt: skip
    asked = weights_of(data.training)
    source, began, smooth = batches(data.corpora, recipe, random.Random(recipe.seed)), time.time(), np.zeros(2)
    for number in range(recipe.steps):
        batch, asks = next(source)
        parts = loss(look, batch, known.languages[asks], known, asked, recipe)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * rate_at(number, recipe)
        (parts[0] + recipe.place_share * parts[1]).backward()
        torch.nn.utils.clip_grad_norm_(look.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        smooth += (np.array([part.item() for part in parts]) - smooth) * max(0.02, 1 / (number + 1))
        if number % 100 == 99:
            said = f"words {smooth[0]:.3f} place {smooth[1]:.3f} {time.time() - began:.0f} s"
            print(f"{name} step {number + 1} {said}", flush=True)
    return look.eval()


def rate_at(step: int, recipe: Recipe) -> float:
    """The share of the full learning rate at a step: linear warm-up, then linear to 0."""
    return min((step + 1) / recipe.warm_up, (recipe.steps - step) / (recipe.steps - recipe.warm_up))


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


def save(folder: Path, looks: Sequence[Look], known: Known, recipe: Recipe, seconds: dict[str, float]) -> None:
    """Write all five in float16, what is needed to load them, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"{look.name}.{name}": tensor.half() for look in looks for name, tensor in look.state_dict().items()}
    tensors |= {f"known.{name}": ids.int() for name, ids in {"all": known.all, **known.languages}.items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    config = {name: getattr(recipe, name) for name in ("reader", "states", "wide", "inner")}
    facts = {**asdict(recipe), "seconds": {name: round(value) for name, value in seconds.items()}}
    for name, content in (("config", config), ("recipe", facts)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


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
