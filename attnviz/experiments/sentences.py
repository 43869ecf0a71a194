"""How every head reads the sentences that the app offers, as a table; and which surroundings turn a model.

    python -m attnviz.experiments.sentences lab-1 lab-2 lab-4 lab-8

Any model name or folder that `load` takes may be given.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.measures.held import spelled
from attnviz.measures.readings import Lean, lean, opinion
from attnviz.models import COMPARED, Model, load
from attnviz.recording.record import record
from attnviz.text.segmentation import Case, Reading, cases, within
from attnviz.trace import Trace

MARKS = {"first": "A", "second": "B", "unclear": " ", "resting": "~"}  # A and B outside the band; ~ on special tokens


@dataclass(frozen=True)
class Turn:
    """The word-boundary head's share for reading A (of A and B together, 0 to 1) in two of `tried` surroundings."""

    towards_first: tuple[str, str]
    towards_second: tuple[str, str]
    most: float
    least: float
    tried: int

    @property
    def changes(self) -> bool:
        """Does another reading win?"""
        return self.most > 0.5 > self.least


def share(trace: Trace, first: Reading, second: Reading) -> float | None:
    """How probable does the word-boundary head find the first of two readings? 0 to 1; None where it cannot tell.

    It cannot for a model without such a head, nor for readings whose units span spaces (both cut the same words).
    """
    if any(character.isspace() for reading in (first, second) for word in reading.words for character in word):
        return None
    one, other = opinion(trace, first), opinion(trace, second)
    return None if one is None or other is None or one + other == 0 else one / (one + other)


def turn(model: Model, first: Reading, second: Reading, contexts: Sequence[tuple[str, str]]) -> Turn | None:
    """Which surroundings speak most for the first reading, and which for the second? Measured on every one given."""
    found = []
    for before, after in (("", ""), *contexts):
        a, b = within(first, before, after), within(second, before, after)
        part = share(record(model, a.text), a, b)
        if part is None:
            return None
        found.append((part, (before, after)))
    (least, second_context), (most, first_context) = min(found), max(found)
    return Turn(first_context, second_context, most, least, len(found))


def show(model: Model, case: Case) -> None:
    """One sentence, one model: each head's bits and verdict (`MARKS`), what the strongest join, what context does."""
    first, second = case.readings
    trace = record(model, first.text)
    found: Lean = lean(trace, first, second)
    part = share(trace, first, second)
    print(f"\n{model.name}  A {first}  B {second}" + ("" if part is None else f"  word boundaries: A {part:.3f}"))
    for layer, (bits, verdicts) in enumerate(zip(found.bits.tolist(), found.verdicts(), strict=True)):
        cells = (f"{value:+.3f}{MARKS[verdict]}" for value, verdict in zip(bits, verdicts, strict=True))
        print(f"  layer {layer}  " + "  ".join(cells))
    for side, letter in enumerate("AB"):
        layer, head = found.strongest(side)
        print(f"  {letter} strongest {layer}.{head}, clear {len(found.readers(side))}: {spelled(trace, layer, head)}")
    best = turn(model, first, second, case.contexts)
    if best is not None:
        around = [f"{before}…{after}" for before, after in (best.towards_first, best.towards_second)]
        print(f"  A {best.most:.3f} in {around[0]}, {best.least:.3f} in {around[1]}: changes {best.changes}")


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=COMPARED)
    for name in parser.parse_args().models:
        model = load(name)
        for case in cases().values():
            show(model, case)


if __name__ == "__main__":
    main()
