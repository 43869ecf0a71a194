"""Two texts that a model reads as one: where the second begins, and which of the two each token belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BETWEEN = "\n"  # what stands between two texts in the one that both are spans of; no token is of it


@dataclass(frozen=True)
class Pair:
    """What makes one text of two.

    `second` is the character at which the second begins, `segments` say of each token `[token]` whether it is of the
    first (0), of the second (1), or was added by the tokenizer (None). `cut` is the number of characters of the first
    text that were read (None: all of them).
    """

    second: int
    segments: tuple[int | None, ...]
    cut: int | None = None

    def first(self, count: int) -> Pair:
        """The same for the first `count` tokens."""
        return Pair(self.second, self.segments[:count], self.cut)

    def split(self, text: str) -> tuple[str, str]:
        """The two texts.

        >>> Pair(2, (0, 1)).split("a\\nb")
        ('a', 'b')
        """
        return text[: self.second - len(BETWEEN)], text[self.second :]


def placed(
    offsets: Sequence[tuple[int, int]], owners: Sequence[int | None], begins: tuple[int, int]
) -> list[tuple[int, int]]:
    """Character ranges that count from the beginning of each text, as ranges of both in one."""
    starts = [begins[owner or 0] for owner in owners]
    return [(first + start, end + start) for (first, end), start in zip(offsets, starts, strict=True)]


def shifted(spans: Sequence[tuple[int, int] | None], by: int) -> list[tuple[int, int] | None]:
    """Character ranges so many characters on; None stays."""
    return [span and (span[0] + by, span[1] + by) for span in spans]


def owners_by_count(special: Sequence[bool], first: int, second: int) -> tuple[int | None, ...]:
    """Which text is each token of, where the tokenizer does not tell? By how many tokens each has.

    What is missing was cut from the end of whichever was longer at the time, as transformers does it.
    """
    for _ in range(first + second - sum(not mark for mark in special)):
        first, second = (first - 1, second) if first > second else (first, second - 1)
    plain = iter([0] * first + [1] * second)
    return tuple(None if mark else next(plain, 1) for mark in special)
