"""The texts that lab-long learns from: reviews, dialogues and runs of sentences, laid side by side in long rows."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Int64
from transformers import PreTrainedTokenizerFast

from attnviz.training.documents import Document

Ids = list[int]
Item = TypeVar("Item")
LENGTHS = (1_024, 2_048, 4_096, 8_192)  # tokens of a row; every step has 8,192 tokens in all
LONGEST = LENGTHS[-1]
KINDS, SHARES = ("reviews", "dialogues", "zh", "en"), (0.3, 0.15, 0.35, 0.2)
COPIED, COPY = 0.3, (24, 240)  # how often a passage returns after another one, and how many tokens of it


@dataclass(frozen=True)
class Sources:
    """Texts as token ids, each ended by [SEP]: single reviews, the dialogues about one thing, sentences without end."""

    reviews: Sequence[Ids]
    dialogues: Sequence[Ids]
    zh: Sequence[Ids]
    en: Sequence[Ids]


def cut(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> list[Ids]:
    """Texts as token ids without any special token."""
    found: list[Ids] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return found


def sources(
    reviews: Sequence[Document], topics: Sequence[Document], zh: Sequence[str], en: Sequence[str],
    tokenizer: PreTrainedTokenizerFast,
) -> Sources:  # fmt: skip
    """The texts of one side of the split, in tokens."""
    end = int(tokenizer.sep_token_id or 0)
    told = cut([one.text for one in topics], tokenizer)
    about: dict[str, Ids] = defaultdict(list)
    for document, ids in zip(topics, told, strict=True):
        about[document.about] += [*ids, end]
    read = [[*ids, end] for ids in cut([one.text for one in reviews], tokenizer)]
    return Sources(read, list(about.values()), cut(zh, tokenizer), cut(en, tokenizer))


def endless(items: Sequence[Item], rng: random.Random) -> Iterator[Item]:
    """All items in random order, again and again."""
    while True:
        yield from rng.sample(items, len(items))


def passages(found: Sources, end: int, rng: random.Random) -> Iterator[Ids]:
    """Without end: a review, the dialogues about one thing, or a run of sentences in one language."""
    streams = {kind: endless(getattr(found, kind), rng) for kind in KINDS}
    while True:
        kind = rng.choices(KINDS, SHARES)[0]
        if kind in ("reviews", "dialogues"):
            yield next(streams[kind])
        else:
            yield [*(piece for _ in range(rng.randint(3, 40)) for piece in next(streams[kind])), end]


def row(texts: Iterator[Ids], length: int, start: int, rng: random.Random) -> Ids:
    """`length` tokens that a reader may look back over: [CLS], passages, and now and then one that returns."""
    ids = [start]
    while len(ids) < length:
        ids += next(texts)
        if rng.random() < COPIED:
            size = min(rng.randint(*COPY), len(ids) - 1)
            begin = rng.randrange(1, len(ids) - size + 1)
            ids += ids[begin : begin + size]
    return ids[:length]


def batches(found: Sources, tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[Int64[np.ndarray, "row token"]]:
    """Without end: 8,192 tokens in rows of one length, all lengths in turn."""
    rng = random.Random(seed)
    start, end = int(tokenizer.cls_token_id or 0), int(tokenizer.sep_token_id or 0)
    texts = passages(found, end, rng)
    while True:
        for length in LENGTHS:
            rows = [row(texts, length, start, rng) for _ in range(LONGEST // length)]
            yield np.array(rows, dtype=np.int64)
