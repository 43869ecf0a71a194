"""What lab-long learns from, step by step: sentences, reviews, dialogues and runs of sentences in long rows, drills."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Int64
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
ALONE = (1_024, 2_048, 4_096, LONGEST)  # where texts stand alone, 8,192 tokens a step
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


def alone(
    found: Sources, tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> Iterator[Int64[Tensor, "row token"]]:
    """Texts without anything beside them: 8,192 tokens in rows of one length, all lengths in turn, without end."""
    start, end = int(tokenizer.cls_token_id or 0), int(tokenizer.sep_token_id or 0)
    texts = passages(found, end, rng)
    while True:
        for length in ALONE:
            yield torch.tensor([row(texts, length, start, rng) for _ in range(LONGEST // length)])


@dataclass(frozen=True)
class Stage:
    """A part of the training: so many steps, the beginning of a `course` of so many; what stands beside the sentences.

    `turns` go round step by step, each a set of "texts", "drill" and "far"; with `pieces` the drills have pieces of
    texts among their blocks. A drill counts half beside the sentences, a far one what `far` says. The sentences come
    `times` 2,048 tokens a step and count what `sentences` says; the texts are at least `running` tokens in rows of the
    lengths `told`, those of drills `near`, those of far ones `away`, in turn. `rate` is the full rate.
    """

    steps: int
    course: int
    turns: tuple[tuple[str, ...], ...]
    pieces: bool = False
    far: float = 0.5
    times: int = 1
    sentences: float = 1.0
    rate: float = 2e-3
    running: int = RUNNING
    told: tuple[int, ...] = TOLD
    near: tuple[int, ...] = SHORT
    away: tuple[int, ...] = FAR

    @property
    def counts(self) -> dict[str, float]:
        """What each part of the loss counts."""
        return {"drill": 0.5, "far": self.far, "sentences": self.sentences}

    def lessons(self, sentences: Iterator[Mapping[str, Tensor]], drills: Drills) -> Iterator[Lesson]:
        """What each step learns from: `sentences`, and beside them what has its turn.

        That is a `drill` of 2,048 tokens, `texts` in rows of one length, a `far` drill, a row; or several of these.
        """
        lengths = {"texts": self.told, "far": self.away, "drill": self.near}
        cycles = {name: itertools.cycle(one) for name, one in lengths.items()}

        def part(name: str) -> Any:
            length = next(cycles[name])
            if name == "texts":
                return drills.running(max(1, self.running // length), length)
            if name == "far":
                return drills.far(length, pieces=self.pieces)
            return drills.near(DRILLED // length, length, pieces=self.pieces)

        for turn in itertools.islice(itertools.cycle(self.turns), self.steps):
            yield {"sentences": [next(sentences) for _ in range(self.times)], **{name: part(name) for name in turn}}


MIXED = (("texts",), ("far",), ("drill",), ("far",))
READ = (("texts",), ("texts", "drill"), ("texts",), ("texts", "drill"), ("texts",), ("texts", "far"))
STAGES = (
    Stage(500, 1_500, (("drill",),)),
    Stage(1_100, 1_400, (("texts",), ("drill",), ("texts",), ("far",))),
    Stage(1_100, 1_100, MIXED, pieces=True, far=1.0),
    Stage(100, 700, MIXED, pieces=True, far=1.0, times=2, sentences=1.3, rate=1.5e-3),
    Stage(260, 260, MIXED, pieces=True, far=1.0, times=2, sentences=1.3, rate=1.3e-3),
    Stage(2_480, 2_900, READ, pieces=True, rate=1e-3, running=2_048, told=(512, 1_024, 512, 2_048),
          near=(256, 512, 1_024, 1_024, 2_048), away=(256, 512, 1_024, 1_024, 2_048)),
    Stage(280, 280, (("texts",), ("texts", "far")), pieces=True, rate=6e-4, told=(LONGEST, 4_096, LONGEST, 2_048),
          away=(4_096, 2_048, LONGEST)),
)  # fmt: skip
BLENDED = 5  # how many stages come before the blend
ALONE_STEPS, BLEND = 2_200, 0.3  # steps of texts alone; the share of what they made in the blend
