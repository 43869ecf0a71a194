"""What lab-long learns from in its second course, step by step: texts, sentences, and what must be looked up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from attnviz.training.long.data import LONGEST
from attnviz.training.long.drills import Drills, Row, Running

STEPS = 1_200
BLOCKS = 300  # the first steps, whose drills are short rows of random blocks: they make the head that looks back
COUNTS = {"near": 0.5, "far": 0.5}  # what these drills count; the first ones 1
FALLS, LEAST, WARM_UP = 0.6, 0.05, 50  # where the rate begins to fall, in parts of the course, and how far; steps up
DRILLED, READ, FIRST_READ = 2_048, 2_048, 512  # tokens of a step's drill, at least of its texts, and of the first ones'
# Tokens of a row, in turn: attention costs their square, so most rows are short.
SHORT, NEAR = (64, 128, 64, 256), (128, 256, 512, 1_024)
TEXTS = (1_024, 2_048, 1_024, 4_096, 1_024, 2_048, 1_024, LONGEST)
FAR = (1_024, 2_048, 1_024, 4_096)


@dataclass(frozen=True)
class Lesson:
    """One step: running texts, a batch of `sentences`, and a drill, by its `kind` a "first" one, "near" or "far"."""

    texts: Running
    sentences: Mapping[str, Tensor]
    drill: Row
    kind: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """The names of the three parts of its loss."""
        return "texts", "sentences", self.kind


def lessons(told: Iterator[Mapping[str, Tensor]], drills: Drills) -> Iterator[Lesson]:
    """Every step of the course: first short drills of random blocks, then pieces of texts too, near and far in turn."""
    short, near, texts, far = (itertools.cycle(lengths) for lengths in (SHORT, NEAR, TEXTS, FAR))
    for step in range(STEPS):
        kind = "first" if step < BLOCKS else "far" if step % 2 else "near"
        length = FIRST_READ if kind == "first" else next(texts)
        read = drills.running(max(1, READ // length) if kind != "first" else 1, length)
        sentences = next(told)
        if kind == "far":
            drill = drills.far(next(far), pieces=True)
        else:
            size = next(short if kind == "first" else near)
            drill = drills.near(DRILLED // size, size, pieces=kind == "near")
        yield Lesson(read, sentences, drill, kind)


def rate_at(step: int) -> float:
    """The share of the full learning rate at a step: up, even, then straight down."""
    left = min(1.0, (1 - step / STEPS) / (1 - FALLS))
    return min(1.0, (step + 1) / WARM_UP) * (LEAST + (1 - LEAST) * left)
