"""What lab-long learns from, step by step: sentences, reviews, dialogues and runs of sentences in long rows, drills."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor
from transformers import PreTrainedTokenizerFast

from attnviz.training.documents import Document
from attnviz.training.long.drills import SHORT, Drills, Ids

Item = TypeVar("Item")
Lesson = Mapping[str, Any]  # what one step learns from, by name
LONGEST = 8_192
DRILLED, RUNNING = 2_048, 4_096  # tokens of a step's drill, and at least of its texts
# Tokens of a row, in turn: attention costs their square, so most rows are short.
TOLD = (512, 1_024, 2_048, 1_024, 512, 1_024, 4_096, 2_048, 512, 1_024, 2_048, 1_024, 512, 1_024, 2_048, LONGEST)
FAR = (1_024, 2_048, 1_024, 4_096, 1_024, 2_048, 1_024, LONGEST)
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


def lessons(
    sentences: Iterator[Mapping[str, Tensor]], found: Sources, tokenizer: PreTrainedTokenizerFast, seed: int, first: int
) -> Iterator[Lesson]:
    """Without end: what each step learns from, by name.

    Every step has `sentences`, 2,048 tokens of them; the `first` steps a drill of as many beside them; those after in
    turn running `texts` (at least 4,096 tokens in rows of one length), a `drill`, texts again, and a `far` one.
    """
    drills = Drills(len(tokenizer), int(tokenizer.cls_token_id or 0), random.Random(seed))
    texts = passages(found, int(tokenizer.sep_token_id or 0), drills.rng)
    for step in itertools.count():
        more, turn = step - first, SHORT[step % len(SHORT)]
        if more < 0 or more % 4 == 1:
            beside = "drill", drills.near(DRILLED // turn, turn)
        elif more % 4 == 3:
            beside = "far", drills.far(texts, FAR[more // 4 % len(FAR)])
        else:
            length = TOLD[more // 2 % len(TOLD)]
            beside = "texts", drills.running(texts, max(1, RUNNING // length), length)
        yield {"sentences": next(sentences), beside[0]: beside[1]}
