"""What lab-long learns from after its first course, step by step: texts, sentences, and what must be looked up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from attnviz.training.long.data import LONGEST
from attnviz.training.long.drills import Drills, Row, Running
from attnviz.training.loop import Course

DRILLED, READ = 2_048, 2_048  # tokens of a step's drill, and at least of its texts
# Tokens of a row, in turn: attention costs their square, so most rows are short.
SHORT, NEAR = (64, 128, 64, 256), (128, 256, 512, 1_024)
LATE = (1_024, 2_048, 4_096, 1_024, LONGEST)


@dataclass(frozen=True)
class Plan:
    """One course. With `pieces` its drills are of texts too, near and far in turn, else short rows of random blocks.

    Rows of its texts and of its far drills have these lengths in turn, texts from the part `late` of the course on
    those of `LATE`. The `rate` is even until the part `falls`, then falls to the share `least` of it. Of the loss of a
    token `taught` is the teacher's; `counts` is what the parts count.
    """

    steps: int
    rate: float
    pieces: bool
    texts: tuple[int, ...] = (512,)
    far: tuple[int, ...] = ()
    late: float = 1.0
    falls: float = 1.0
    least: float = 1.0
    taught: float = 1.0
    sentences: bool = True
    warm_up: int = 20
    counts: Mapping[str, float] = field(default_factory=dict)

    def share(self, step: int) -> float:
        """The share of the full rate at a step: up, even, then straight down."""
        left = 1.0 if self.falls >= 1 else min(1.0, (1 - step / self.steps) / (1 - self.falls))
        return min(1.0, (step + 1) / self.warm_up) * (self.least + (1 - self.least) * left)

    @property
    def course(self) -> Course:
        """Its steps and rates."""
        return Course(self.steps, self.rate, self.share, self.counts, bfloat16=True)


# A copy that is drilled: random blocks make the head that looks back, pieces of texts teach it to look at more.
BLOCKS = Plan(340, 2e-3, False, taught=0.7, warm_up=50)
PIECES = Plan(
    920, 2e-3, True, texts=(1_024, 2_048, 1_024, 4_096, 1_024, 2_048, 1_024, LONGEST), far=(1_024, 2_048, 1_024, 4_096),
    late=0.65, falls=0.24, least=0.33, taught=0.7, counts={"near": 0.5, "far": 0.5},
)  # fmt: skip
# Its heads in the model of before: at first they alone move, then everything.
HEADS = Plan(342, 2e-3, False, sentences=False, counts={"texts": 0.5})
TOGETHER = Plan(
    286, 8e-4, True, texts=PIECES.texts, far=PIECES.far, late=0.65, falls=0.1, least=0.05,
    counts={"near": 0.5, "far": 0.5},
)  # fmt: skip
ON = Plan(
    919, 6e-4, True, texts=(512, 1_024, 512, 2_048), far=(512, 1_024, 512, 2_048, 4_096), late=0.72, falls=0.15,
    least=0.01, counts={"texts": 1.5, "near": 0.25, "far": 0.25},
)  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """One step: running texts, a batch of sentences or none, and a drill, its `kind` "first", "near" or "far"."""

    texts: Running
    sentences: Mapping[str, Tensor] | None
    drill: Row
    kind: str


def lessons(plan: Plan, told: Iterator[Mapping[str, Tensor]], drills: Drills) -> Iterator[Lesson]:
    """Every step of a course."""
    texts, late, far = (itertools.cycle(lengths) for lengths in (plan.texts, LATE, plan.far or (0,)))
    near = itertools.cycle(NEAR if plan.pieces else SHORT)
    for step in range(plan.steps):
        length = next(late if step >= plan.late * plan.steps else texts)
        read = drills.running(READ // length if plan.pieces and length < READ else 1, length)
        sentences = next(told) if plan.sentences else None
        if plan.pieces and step % 2:
            yield Lesson(read, sentences, drills.far(next(far), pieces=True), "far")
            continue
        size = next(near)
        drill = drills.near(DRILLED // size, size, pieces=plan.pieces)
        yield Lesson(read, sentences, drill, "near" if plan.pieces else "first")
