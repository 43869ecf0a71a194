"""Is a head that looks where a relation says more than a fixed distance? Judged on pairs that did not choose it."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from attnviz.core.rules import Rule
from attnviz.experiments.reading.find import HeadsFound, Pair, find_heads
from attnviz.models.load import Model

SURE = 3.0  # standard errors between a head and the best fixed distance: many relations are tried at once
HALVES = ("a", "b")
PARTED = "\0"  # between a relation's name and its half


@dataclass(frozen=True)
class Judged:
    """One relation: what its heads do on all its pairs, and what a head does on pairs that did not choose it.

    `held` is the share of hits of the head that is best on the other half of the texts, the mean over both halves; NaN
    where one half has no pair. `error` is the standard error of what `held` exceeds the best fixed distance by.
    """

    name: str
    found: HeadsFound
    held: float
    error: float

    @property
    def beyond(self) -> float:
        """By how much does the head exceed the best fixed distance (which is chosen on all pairs)?"""
        return self.held - self.found.offset_hits

    @property
    def clear(self) -> bool:
        """Does it by more than three standard errors?"""
        return self.beyond > SURE * self.error


def judge(
    model: Model,
    relations: Mapping[str, Sequence[Pair]],
    *,
    rule: Rule | None = None,
    on_text: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[Judged]:
    """Which relations have a head that is clearly above the best fixed distance? In the order of `relations`.

    Every other text is one half. The head that is best on one is judged on the other, since the best of many heads is
    flattered by the pairs that chose it; the distance is chosen on all, which flatters it. Raises what `find_heads`
    raises.

    >>> import attnviz as av
    >>> pairs = [Pair("小猫睡了", (1, 2), (0, 1)), Pair("大狗跑了", (1, 2), (0, 1))]
    >>> [(one.name, one.found.offset, one.clear) for one in judge(av.load("lab-4"), {"back": pairs})]
    [('back', -1, False)]
    """
    asked: dict[str, list[Pair]] = defaultdict(list)
    numbers: dict[str, int] = {}
    for name, pairs in relations.items():
        for pair in pairs:
            half = HALVES[numbers.setdefault(pair.text, len(numbers)) % 2]
            asked[name + PARTED + half].append(pair)
    found = find_heads(model, asked, rule=rule, on_text=on_text, stop=stop)
    parts = {name: [found.get(name + PARTED + half) for half in HALVES] for name in relations}
    return [_judged(name, [one for one in halves if one is not None]) for name, halves in parts.items() if any(halves)]


def _judged(name: str, halves: Sequence[HeadsFound]) -> Judged:
    """One relation, of which one half or both have pairs."""
    if len(halves) < 2:
        return Judged(name, halves[0], math.nan, math.nan)
    first, second = halves
    whole = first + second
    own = [float(second.hits[first.best]), float(first.hits[second.best])]
    held = (own[0] * second.used + own[1] * first.used) / whole.used
    return Judged(name, whole, held, _error(held, whole.offset_hits, whole.used))


def _error(share: float, other: float, count: int) -> float:
    """The standard error of the difference of two shares of `count`, as if no pair were in both (which is cautious).

    One hit and one miss are added to each (Agresti & Caffo 2000), so that a share of 1 is not taken for certain.
    """
    spreads = [(p := (one * count + 1) / (count + 2)) * (1 - p) for one in (share, other)]
    return math.sqrt(sum(spreads) / (count + 2))


def in_order(found: Sequence[Judged]) -> list[Judged]:
    """Those whose head is furthest above a fixed distance first, those that cannot be judged last."""
    return sorted(found, key=lambda one: math.inf if math.isnan(one.beyond) else -one.beyond)


def as_csv(found: Sequence[Judged]) -> str:
    """Every head of every relation, a head a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ["layer", "head", "hits", "weight", "pairs", "offset", "offset_hits", "chance", "held", "held_error"]
    writer.writerow(["relation", *names])
    for one in found:
        told = one.found
        for layer, head in told.ranked:
            numbers = [float(told.hits[layer, head]), float(told.weights[layer, head])]
            tail = [told.offset_hits, told.chance, one.held, one.error]
            said = [f"{value:.6g}" for value in (*numbers, *tail)]
            writer.writerow([one.name, layer, head, *said[:2], told.used, told.offset, *said[2:]])
    return out.getvalue()
