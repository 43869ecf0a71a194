"""Train a translation model: recurrent, with attention (Bahdanau et al. 2015) or without, everything else alike.

    python -m attnviz.training.translation.train nmt-zh-en --pairs cmn.txt
    python -m attnviz.training.translation.train nmt-zh-en-plain --pairs cmn.txt

The pairs are those of Tatoeba (https://tatoeba.org, CC BY 2.0 FR) as https://www.manythings.org/anki/ collects them,
one a line: English, Chinese and who wrote both, parted by tabs. Pairs that share a sentence stay on one side of the
split (`split`), for there are many translations of one sentence. The decoder learns the next piece (cross-entropy with
smoothed labels) given the true ones before it. What is kept is the running mean of the weights.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import random
import re
import string
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from attnviz.core.rules import Soft
from attnviz.shipped import WEIGHTS
from attnviz.systems.translation.network import Shape, Translator
from attnviz.systems.translation.text import BEGIN, END, PAD, SPACE, SPECIALS, UNKNOWN, WORD, Vocabulary

NAMES = ("nmt-zh-en", "nmt-en-zh", "nmt-zh-en-plain", "nmt-en-zh-plain")
TEST, VALIDATION = 50, 20  # of 1,000 groups of pairs
LARGEST = 12  # pairs: larger groups, of phrases that mean many things, are for training


@dataclass(frozen=True)
class Pair:
    """One sentence in both languages, and who wrote it."""

    en: str
    zh: str
    attribution: str

    def of(self, language: str) -> str:
        """The sentence in one language."""
        return self.en if language == "en" else self.zh


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, the same with attention and without."""

    epochs: int = 13
    pairs_a_step: int = 128
    rate: float = 2e-3
    warm_up: int = 300
    smoothing: float = 0.1
    word_dropout: float = 0.1
    weight_decay: float = 1e-4
    averaged: float = 0.998
    pieces: int = 3_600
    seed: int = 20


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file, in its order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Pair(*line.split("\t")[:3]) for line in lines if line.count("\t") >= 2]


def bare(text: str) -> str:
    """What two spellings of one sentence have in common: letters and digits, lower case, of normal width.

    >>> bare("Ｈello, Tom！")
    'hellotom'
    """
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def groups(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """The pairs that hang together by shared sentences: the connected components."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for pair in pairs:
        above[top("en:" + bare(pair.en))] = top("zh:" + bare(pair.zh))
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        found[top("en:" + bare(pair.en))].append(pair)
    return list(found.values())


def split(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs for "training", "validation" and "test". No sentence, in either language, is on two sides.

    The side hangs on a hash of the group's first sentence by the alphabet, so it is the same on every machine and
    whatever the order of the file.
    """
    sides: dict[str, list[Pair]] = {"training": [], "validation": [], "test": []}
    for group in groups(pairs):
        first = min(bare(pair.en) for pair in group)
        number = int.from_bytes(hashlib.sha256(first.encode()).digest()[:4], "big") % 1_000
        side = "test" if number < TEST else "validation" if number < TEST + VALIDATION else "training"
        sides["training" if len(group) > LARGEST else side] += group
    return sides


def vocabulary(language: str, sentences: Sequence[str], pieces: int) -> Vocabulary:
    """The pieces of a language, learnt from sentences."""
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIALS[UNKNOWN], fuse_unk=False))
    tokenizer.normalizer = _normalizer(language)
    cut = r"▁?[\p{L}\p{M}']+|▁?\d|▁?[^\p{L}\p{M}\d▁']|▁"
    if language == "zh":
        cut = r"\p{Han}|[\p{Latin}']+|\d|[^\p{Han}\p{Latin}\d']"
    space = pre_tokenizers.Metaspace(SPACE, prepend_scheme="always" if language == "en" else "never", split=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([space, pre_tokenizers.Split(Regex(cut), "isolated")])
    seen = Counter(c for one in sentences for c in tokenizer.normalizer.normalize_str(one))
    always = {SPACE, *string.digits, *string.punctuation, *string.ascii_lowercase}
    always |= set(string.ascii_uppercase) if language == "zh" else set()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, initial_alphabet=sorted(always), min_frequency=2, special_tokens=list(SPECIALS),
        show_progress=False,
        limit_alphabet=len(always | {letter for letter, count in seen.items() if count > 1}),
    )  # fmt: skip
    tokenizer.train_from_iterator(sentences, trainer)
    return Vocabulary(language, tokenizer, capitals(sentences) if language == "en" else {})


def _normalizer(language: str) -> normalizers.Normalizer:
    """One spelling for marks of one meaning; English in lower case."""
    if language == "en":
        quotes = [normalizers.Replace(Regex("[‘’`]"), "'"), normalizers.Replace(Regex("[“”]"), '"')]
        return normalizers.Sequence([normalizers.NFKC(), *quotes, normalizers.Lowercase()])
    marks = [normalizers.Replace(mark, wide) for mark, wide in zip(",!?:;()", "，！？：；（）", strict=True)]
    spaces = Regex(r"(?<=[^\p{Latin}\d'])\s+|\s+(?=[^\p{Latin}\d'])|^\s+|\s+$")
    last = normalizers.Replace(Regex(r"\.$|｡"), "。")
    return normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(spaces, ""), *marks, last])


def capitals(sentences: Iterable[str]) -> dict[str, str]:
    """How words are written that have a capital inside a sentence more often than not: {"tom": "Tom"}."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for found in WORD.finditer(sentence):
            if re.search(r"[\w,;:]['\"]?\s+$", sentence[: found.start()]):  # not the first of its sentence
                forms[found[0].lower()][found[0]] += 1
    common = {word: counts.most_common(1)[0] for word, counts in forms.items()}
    return {word: form for word, (form, count) in sorted(common.items()) if form != word and count > 1}


@dataclass(frozen=True)
class Batch:
    """Pairs side by side: ids `[text, token]`, 0 behind a shorter one, and the lengths of the sources `[text]`."""

    source: Tensor
    lengths: Tensor
    target: Tensor


Coded = tuple[list[int], list[int]]


def coded(pairs: Iterable[Pair], source: Vocabulary, target: Vocabulary) -> list[Coded]:
    """The pairs as numbers: the source with its end, the target with beginning and end."""
    return [
        ([*source.ids(pair.of(source.language)), END], [BEGIN, *target.ids(pair.of(target.language)), END])
        for pair in pairs
    ]


def batches(pairs: Sequence[Coded], size: int, rng: random.Random) -> Iterator[Batch]:
    """One epoch: pairs of like length together, in random order."""
    order = sorted(pairs, key=lambda pair: (len(pair[1]) + rng.random() * 2, len(pair[0]) + rng.random() * 2))
    starts = list(range(0, len(order), size))
    rng.shuffle(starts)
    for start in starts:
        sources, targets = zip(*order[start : start + size], strict=True)
        yield Batch(_padded(sources), torch.tensor([len(one) for one in sources]), _padded(targets))


def _padded(rows: Sequence[list[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def loss(network: Translator, batch: Batch, recipe: Recipe, smoothing: float) -> Tensor:
    """The mean cross-entropy of the next piece, in nats; some read pieces are hidden while training."""
    read, given = batch.source, batch.target[:, :-1]
    if network.training:
        read, given = (_with_gaps(ids, recipe.word_dropout) for ids in (read, given))
    annotations, state, fixed = network.read(read, batch.lengths)
    embedded = network.dropout(network.target(given))
    if network.shape.attention:
        states, contexts = _looking(network, embedded, state, annotations, (batch.source != PAD)[:, None])
    else:
        states, contexts = _blind(network, embedded, state, fixed)
    wanted = batch.target[:, 1:]
    real = wanted != PAD
    parts = (states[real], embedded[real], contexts[real])
    return F.cross_entropy(network.logits(*parts).float(), wanted[real], label_smoothing=smoothing)


def _looking(
    network: Translator, embedded: Tensor, state: Tensor, annotations: Tensor, allowed: Tensor
) -> tuple[Tensor, Tensor]:
    """The decoder's states and contexts `[text, token, width]`, each look made from the state before it."""
    prepared = annotations @ network.key_weight.T
    states, contexts = [], []
    for number in range(embedded.shape[1]):
        found = network.look_prepared(state[:, None], prepared, annotations, Soft(), allowed)
        contexts.append(found.output[:, 0])
        state = network.step(embedded[:, number], contexts[-1], state)
        states.append(state)
    return torch.stack(states, 1), torch.stack(contexts, 1)


def _blind(network: Translator, embedded: Tensor, state: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
    """The same where the context is fixed: all steps in one call, with the weights of `Translator.step`."""
    contexts = fixed[:, None].expand(-1, embedded.shape[1], -1)
    cell = network.decoder
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    read = torch.cat([embedded, contexts], dim=-1)
    states, _ = torch.gru(read, state[None], weights, True, 1, 0.0, False, False, True)
    return states, contexts


def _with_gaps(ids: Tensor, share: float) -> Tensor:
    """Some pieces replaced by <unk>."""
    hidden = (torch.rand(ids.shape) < share) & (ids >= len(SPECIALS))
    return ids.masked_fill(hidden, UNKNOWN)


def train(recipe: Recipe, shape: Shape, training: list[Coded], validation: list[Coded]) -> tuple[Translator, float]:
    """Run the recipe; the network with the mean weights, and the seconds."""
    torch.manual_seed(recipe.seed)
    rng, began = random.Random(recipe.seed), time.time()
    network = Translator(shape)
    mean = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * -(-len(training) // recipe.pairs_a_step)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: min((n + 1) / recipe.warm_up, max(0.02, 1 - n / steps))
    )
    number = 0
    for epoch in range(recipe.epochs):
        total = 0.0
        for batch in batches(training, recipe.pairs_a_step, rng):
            optimiser.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value = loss(network, batch, recipe, recipe.smoothing)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            rate.step()
            number += 1
            total += value.item()
            _average(mean, network, min(recipe.averaged, number / (number + 10)))
        held = surprise(mean, validation, recipe)
        seconds = time.time() - began
        print(f"epoch {epoch + 1} loss {total * recipe.epochs / steps:.3f} held {held:.3f} {seconds:.0f} s", flush=True)
    return mean, time.time() - began


@torch.no_grad()
def _average(mean: Translator, network: Translator, share: float) -> None:
    """Move the mean weights a little towards those of the network."""
    for kept, new in zip(mean.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1 - share)


@torch.no_grad()
def surprise(network: Translator, pairs: Sequence[Coded], recipe: Recipe) -> float:
    """The cross-entropy on pairs that it was not trained on, in nats a piece, labels not smoothed."""
    found = [loss(network, batch, recipe, 0.0).item() for batch in batches(pairs, 128, random.Random(0))]
    return sum(found) / len(found)


def languages(name: str) -> tuple[str, str]:
    """Source and target of a model's name.

    >>> languages("nmt-zh-en-plain")
    ('zh', 'en')
    """
    found = re.fullmatch(r"nmt-(zh|en)-(zh|en)(-plain)?", name)
    if found is None:
        raise ValueError(f"a name like nmt-zh-en or nmt-en-zh-plain is needed, not {name}")
    return found[1], found[2]


def save(
    folder: Path, network: Translator, vocabularies: Mapping[str, Vocabulary], recipe: Mapping[str, object]
) -> None:
    """Write the weights (float16), the vocabularies and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().half().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    for side, found in vocabularies.items():
        found.tokenizer.save(str(folder / f"{side}.json"), pretty=False)
    english = next(found for found in vocabularies.values() if found.language == "en")
    _json(folder / "capitals.json", english.capitals)
    _json(folder / "config.json", asdict(network.shape))
    _json(folder / "recipe.json", recipe)


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Read the arguments, train, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=NAMES)
    parser.add_argument("--pairs", type=Path, required=True, help="English, Chinese, attribution: one pair a line")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--out", type=Path, help="folder to write; attnviz/weights/<model> unless given")
    given = parser.parse_args()
    recipe, sides = Recipe(epochs=given.epochs), split(read_pairs(given.pairs))
    sentences = {language: [pair.of(language) for pair in sides["training"]] for language in ("zh", "en")}
    read, write = languages(given.model)
    source, target = (vocabulary(language, sentences[language], recipe.pieces) for language in (read, write))
    training, validation = (coded(sides[side], source, target) for side in ("training", "validation"))
    shape = Shape(len(source), len(target), attention=not given.model.endswith("-plain"))
    counts = {side: len(pairs) for side, pairs in sides.items()}
    print(counts, f"{len(source)} and {len(target)} pieces")
    network, seconds = train(recipe, shape, training, validation)
    facts = {"source": read, "target": write, **asdict(recipe), "pairs": counts, "seconds": round(seconds)}
    save(given.out or WEIGHTS / given.model, network, {"source": source, "target": target}, facts)


if __name__ == "__main__":
    main()
