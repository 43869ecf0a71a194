"""Several second texts at once, for a model with a multiple-choice head: one a line, each read in a run of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.trace import Trace

MOST = 12  # choices: each is a run


@dataclass(frozen=True)
class Choice:
    """One of several second texts, how probable the model takes it before and after a change; is it `open`?"""

    text: str
    before: float
    after: float
    open: bool


def lines(text: str) -> tuple[str, ...]:
    """The choices of a box, one a line; blank lines are none.

    >>> lines("a cat\\n\\n a dog ")
    ('a cat', 'a dog')
    """
    return tuple(line for line in map(str.strip, text.splitlines()) if line)[:MOST]


def left_out(text: str) -> int:
    """How many choices of a box are not read?"""
    return max(0, sum(1 for line in text.splitlines() if line.strip()) - MOST)


def open_line(text: str, number: int) -> str:
    """The choice whose map is shown, the last where there are fewer; "" where there are none."""
    found = lines(text)
    return found[min(number, len(found) - 1)] if found else ""


def weighed(
    texts: tuple[str, ...], shown: int, before: Callable[[str], Trace], after: Callable[[str], Trace]
) -> list[Choice]:
    """Which of these goes best with the text, before and after a change? Two functions give the run of each."""
    from attnviz.measures import chosen

    first, second = (chosen([run(text) for text in texts]).tolist() for run in (before, after))
    return [
        Choice(text, one, other, number == min(shown, len(texts) - 1))
        for number, (text, one, other) in enumerate(zip(texts, first, second, strict=True))
    ]
