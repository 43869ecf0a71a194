"""The sentence pairs that the translation systems learn from: read, split, cut into pieces and put into batches."""

from __future__ import annotations

import hashlib
import random
import re
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from attnviz.systems.translation.text import BEGIN, END, PAD, SPACE, SPECIALS, UNKNOWN, WORD, Vocabulary

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


def with_gaps(ids: Tensor, share: float, specials: int, unknown: int) -> Tensor:
    """A share of the pieces hidden, each by <unk>; the first `specials` numbers are none."""
    return ids.masked_fill((torch.rand(ids.shape) < share) & (ids >= specials), unknown)


def batches(pairs: Sequence[Coded], size: int, rng: random.Random) -> Iterator[Batch]:
    """One epoch: pairs of like length together, in random order."""
    order = sorted(pairs, key=lambda pair: (len(pair[1]) + rng.random() * 2, len(pair[0]) + rng.random() * 2))
    starts = list(range(0, len(order), size))
    rng.shuffle(starts)
    for start in starts:
        sources, targets = zip(*order[start : start + size], strict=True)
        yield Batch(_padded(sources), torch.tensor([len(one) for one in sources]), _padded(targets))


@torch.no_grad()
def surprise(pairs: Sequence[Coded], loss: Callable[[Batch], Tensor]) -> float:
    """The mean loss over pairs that are not trained on, batch by batch, always in the same order."""
    found = [loss(batch).item() for batch in batches(pairs, 128, random.Random(0))]
    return sum(found) / len(found)


def _padded(rows: Sequence[list[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def languages(name: str) -> tuple[str, str]:
    """Source and target of a model's name.

    >>> languages("nmt-zh-en-plain")
    ('zh', 'en')
    """
    found = re.fullmatch(r"nmt-(zh|en)-(zh|en)(-plain)?", name)
    if found is None:
        raise ValueError(f"a name like nmt-zh-en or nmt-en-zh-plain is needed, not {name}")
    return found[1], found[2]
