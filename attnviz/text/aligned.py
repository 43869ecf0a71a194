"""Two readings of two texts, or of one, laid beside each other: which tokens of one go with which of the other?"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from attnviz.text.tokens import Encoded

WORDS = re.compile(r"[a-z0-9]+|[^\W_]|\s+|.", re.IGNORECASE | re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Aligned:
    """Units that both sides have: `first` and `second` are the places of each, `[unit]`, `labels` what it is called.

    Where the texts differ a unit stands for another stretch in each, and its label has both: it → she. `changed` says
    so. Places of one side alone are in no unit.
    """

    labels: tuple[str, ...]
    first: tuple[tuple[int, ...], ...]
    second: tuple[tuple[int, ...], ...]
    changed: tuple[bool, ...]


def aligned(first: Encoded, second: Encoded) -> Aligned:
    """The finest units into which both readings can be cut, in the order of the text.

    Equal stretches of the texts are cut wherever no token of either side goes across; what stands in place of something
    else is one unit. Special tokens go together by their order before the text and after it.

    >>> def read(text, *spans):
    ...     labels = tuple(text[slice(*one)] for one in spans)
    ...     return Encoded(text, tuple(range(len(spans))), labels, spans, (False,) * len(spans), None)
    >>> aligned(read("the cat", (0, 3), (4, 7)), read("the dog", (0, 3), (4, 6), (6, 7))).labels
    ('the', 'cat → dog')
    """
    first, second = first.first(len(first)), second.first(len(second))  # what was not read takes long and has no tokens
    found = [_unit(first, second, one) for one in pairwise(_cuts(first, second))]
    units = [one for one in found if one is not None]
    before, after = _specials(first, second)
    every = [*before, *units, *after]
    return Aligned(*(tuple(column) for column in zip(*every, strict=True))) if every else Aligned((), (), (), ())


Unit = tuple[str, tuple[int, ...], tuple[int, ...], bool]


def _cuts(first: Encoded, second: Encoded) -> list[tuple[int, int]]:
    """Places in both texts that go together and that no token of either side goes across."""
    found, inside = [(0, 0)], (_inside(first), _inside(second))
    for pair in sorted(set(_matched(first.text, second.text))):
        if pair[0] not in inside[0] and pair[1] not in inside[1]:
            found.append(pair)
    end = len(first.text), len(second.text)
    return [*dict.fromkeys(found), *([end] if found[-1] != end else [])]


def _matched(first: str, second: str) -> Iterator[tuple[int, int]]:
    """Every pair of places that equal stretches have, and the ends of the others."""
    left, right = WORDS.findall(first), WORDS.findall(second)
    starts = [_starts(left), _starts(right)]
    for same, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        begin, end = (starts[0][a], starts[1][c]), (starts[0][b], starts[1][d])
        yield begin
        yield end
        if same == "equal":
            yield from ((begin[0] + far, begin[1] + far) for far in range(end[0] - begin[0]))


def _starts(words: Sequence[str]) -> list[int]:
    """Where each word begins, and where the last one ends."""
    found = [0]
    for word in words:
        found.append(found[-1] + len(word))
    return found


def _inside(side: Encoded) -> set[int]:
    """The places on both sides of which a token stands."""
    return {place for span in side.spans if span is not None for place in range(span[0] + 1, span[1])}


def _unit(first: Encoded, second: Encoded, cuts: tuple[tuple[int, int], tuple[int, int]]) -> Unit | None:
    """What stands between two cuts; None where one side has no token there."""
    (start, other), (end, other_end) = cuts
    one, two = _places(first, start, end), _places(second, other, other_end)
    if not one or not two:
        return None
    texts = first.text[start:end].strip(), second.text[other:other_end].strip()
    changed = texts[0] != texts[1]
    return " → ".join(texts) if changed else texts[0], one, two, changed


def _places(side: Encoded, start: int, end: int) -> tuple[int, ...]:
    """The tokens that begin in a stretch."""
    return tuple(place for place, span in enumerate(side.spans) if span is not None and start <= span[0] < end)


def _specials(first: Encoded, second: Encoded) -> tuple[list[Unit], list[Unit]]:
    """Special tokens before the text and after it, by their order from either end."""
    edges = [_edges(first), _edges(second)]
    before = list(zip(edges[0][0], edges[1][0], strict=False))
    after = list(zip(edges[0][1][::-1], edges[1][1][::-1], strict=False))[::-1]
    named = [[_special(first, second, *one) for one in some] for some in (before, after)]
    return named[0], named[1]


def _special(first: Encoded, second: Encoded, one: int, other: int) -> Unit:
    labels = dict.fromkeys((first.labels[one], second.labels[other]))
    return " → ".join(labels), (one,), (other,), len(labels) > 1


def _edges(side: Encoded) -> tuple[list[int], list[int]]:
    """The special tokens without characters before the text and after it."""
    read = [place for place, span in enumerate(side.spans) if span is not None]
    first, last = (read[0], read[-1]) if read else (0, -1)
    alone = [place for place, span in enumerate(side.spans) if span is None]
    return alone[: bisect_right(alone, first)], alone[bisect_left(alone, last) :]
