"""What a run wrote down beside what was said: which digits are right, and how much is heard where it is said."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np

from attnviz.ui.pages.hearing.run import Map

if TYPE_CHECKING:
    from attnviz.systems.speech.system import Said
    from attnviz.trace import Trace


@dataclass(frozen=True)
class Word:
    """One token that was written: its text, its digit (None for the end), the said digit that it is, if any."""

    text: str
    digit: int | None
    of: int | None


@dataclass(frozen=True)
class Told:
    """All that was written; `said` are the digits that were truly said, None where nobody knows them."""

    words: tuple[Word, ...]
    said: tuple[int, ...] | None

    @property
    def digits(self) -> tuple[int, ...]:
        """The digits that were written."""
        return tuple(one.digit for one in self.words if one.digit is not None)

    @property
    def whole(self) -> bool:
        """Was all written that was said, and nothing else?"""
        return self.digits == self.said

    @property
    def missed(self) -> tuple[int, ...]:
        """Which of the said digits were not written, by their places."""
        found = {one.of for one in self.words}
        return tuple(place for place in range(len(self.said or ())) if place not in found)

    @property
    def wrong(self) -> int:
        """How many were written that were not said there."""
        return sum(one.digit is not None and one.of is None for one in self.words)


def told(trace: Trace, said: Said | None) -> Told:
    """What a run wrote, each digit beside the one that was said."""
    digits = [None if special else number for number, special in zip(trace.encoded.ids, trace.special, strict=True)]
    of: dict[int, int] = {}
    if said is not None:
        blocks = SequenceMatcher(None, [one for one in digits if one is not None], said.digits, autojunk=False)
        of = {b.a + n: b.b + n for b in blocks.get_matching_blocks() for n in range(b.size)}
    words = [
        Word(text, digit, of.get(place)) for place, (text, digit) in enumerate(zip(trace.tokens, digits, strict=True))
    ]
    return Told(tuple(words), None if said is None else said.digits)


def inside(shown: Map, found: Told, said: Said, trace: Trace) -> dict[int, float]:
    """The share of each right word's weight inside the time in which its digit is said, by the word's place."""
    import torch

    from attnviz.measures.listening import inside_spans

    right = {place: one.of for place, one in enumerate(found.words) if one.of is not None}
    if not right:
        return {}
    rows = torch.from_numpy(np.nan_to_num(shown.weights[list(right)]))
    shares = inside_spans(rows, trace.keys, [said.spans[of] for of in right.values()])
    return {place: float(share) for place, share in zip(right, shares, strict=True)}


def even(said: Said, seconds: float) -> float:
    """What a word that listens everywhere alike has inside its digit's time, in the mean."""
    return float(np.mean([end - start for start, end in said.spans])) / seconds


def ahead(shown: Map, trace: Trace) -> tuple[int, int]:
    """In how many steps does the middle of what a word listens to move on, and of how many? The end does not count."""
    import torch

    from attnviz.measures.listening import forward

    rows = [place for place, special in enumerate(trace.special) if not special]
    if len(rows) < 2:
        return 0, 0
    share = forward(torch.from_numpy(np.nan_to_num(shown.weights[rows])), trace.keys)
    steps = len(rows) - 1
    return round(float(share) * steps), steps
