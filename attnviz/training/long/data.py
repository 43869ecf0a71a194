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
TOLD = (512, 1_024, 2_048, 1_024, 4_096, 1_024, 2_048, LONGEST)
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


@dataclass(frozen=True)
class Stage:
    """A part of the training: so many steps, the beginning of a `course` of so many; what stands beside the sentences.

    `turns` go round step by step; with `pieces` the drills have pieces of texts among their blocks. A drill counts half
    beside the sentences, a far one what `far` says.
    """

    steps: int
    course: int
    turns: tuple[str, ...]
    pieces: bool = False
    far: float = 0.5

    @property
    def counts(self) -> dict[str, float]:
        """What each part of the loss counts."""
        return {"drill": 0.5, "far": self.far}

    def lessons(self, sentences: Iterator[Mapping[str, Tensor]], drills: Drills) -> Iterator[Lesson]:
        """What each step learns from: 2,048 tokens of `sentences`, and beside them what has its turn.

        That is a `drill` of as many tokens, `texts` of at least 4,096 in rows of one length, or a `far` drill, a row.
        """
        told, far, near = map(itertools.cycle, (TOLD, FAR, SHORT))
        for turn in itertools.islice(itertools.cycle(self.turns), self.steps):
            if turn == "texts":
                length = next(told)
                beside = drills.running(max(1, RUNNING // length), length)
            elif turn == "far":
                beside = drills.far(next(far), pieces=self.pieces)
            else:
                length = next(near)
                beside = drills.near(DRILLED // length, length, pieces=self.pieces)
            yield {"sentences": next(sentences), turn: beside}


STAGES = (
    Stage(500, 1_500, ("drill",)),
    Stage(1_100, 1_400, ("texts", "drill", "texts", "far")),
    Stage(1_100, 1_100, ("texts", "far", "drill", "far"), pieces=True, far=1.0),
)
