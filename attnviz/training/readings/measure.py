"""Do two heads hold the two readings of held-out stretches? Everything that the card of `lab-readings` says.

The criterion, fixed before the first evaluation. Of every crossing stretch in a held-out sentence, the sentence around
it: **held** when one head's weights in the top layer fit the first reading by more than 2 nats and another's the second
(`measures.held.fit`); **exact** when one head's weights spell the first reading inside the stretch and another's the
second (neighbours are joined when the mean of the two weights between them is above 0.25). **New**: its characters
stand in no training sentence, however cut (made-up texts are not asked). The bridge counts as held in a run when one
head spells 南京市 / 长江大桥 (or 长江 / 大桥) and another 南京 / 市长 / 江大桥 (or 江 / 大桥).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from attnviz.measures.held import HELD, fit, spelled_by_each, spells
from attnviz.measures.readings import Lean, lean
from attnviz.models import Model
from attnviz.recording.record import record
from attnviz.text.lattice import Cut, Dictionary, Stretch, cut
from attnviz.trace import Trace

BRIDGE = "南京市长江大桥"
FIRST = (["南京市", "长江大桥"], ["南京市", "长江", "大桥"])
SECOND = (["南京", "市长", "江大桥"], ["南京", "市长", "江", "大桥"])
LENGTHS = {"2-3": (2, 3), "4": (4, 4), "5": (5, 5), "6-7": (6, 7), "8+": (8, 999)}
GAPS = {"likelier": (-math.inf, 0), "0-2.5": (0, 2.5), "2.5-5": (2.5, 5), "5-10": (5, 10), "10+": (10, math.inf)}
Group = Callable[["Found"], bool]


@dataclass(frozen=True)
class Found:
    """One held-out stretch as the top layer's heads read it; `lean`, of that layer alone, is None for compounds.

    `fits` are nats by head, positive for the first reading; `spelled` what each head spells inside, as words; `exact`
    which reading that is (0, 1, None).
    """

    stretch: Stretch
    new: bool
    fits: tuple[float, ...]
    spelled: tuple[str, ...]
    exact: tuple[int | None, ...]
    lean: Lean | None

    @property
    def held(self) -> bool:
        """Does one head fit the first reading by 2 nats, and another the second?"""
        return max(self.fits) > HELD and min(self.fits) < -HELD

    @property
    def read_off(self) -> bool:
        """Does one head spell the first reading, and another the second?"""
        return {0, 1} <= set(self.exact)

    @property
    def opposite(self) -> bool:
        """Do the two opened heads, those that fit the readings best, lean to opposite sides?"""
        assert self.lean is not None
        bits: list[float] = self.lean.bits[0].tolist()
        return bits[self.fits.index(max(self.fits))] > 0 > bits[self.fits.index(min(self.fits))]

    def outside_band(self, side: int) -> bool:
        """Does any head hold that reading clearly (`Lean.readers`)?"""
        assert self.lean is not None
        return bool(self.lean.readers(side))


@dataclass(frozen=True)
class Outside:
    """Neighbours outside stretches, over all heads: how many, and how many are joined or cut as in the best path."""

    right: int = 0
    pairs: int = 0

    def __add__(self, other: Outside) -> Outside:
        return Outside(self.right + other.right, self.pairs + other.pairs)


def measured(model: Model, sentences: Iterable[str], words: Dictionary, seen: str) -> tuple[list[Found], Outside]:
    """Every stretch of held-out sentences, compounds too, and what heads do outside stretches.

    `seen` are the training sentences as plain characters, in one string.
    """
    found, outside = list[Found](), Outside()
    for sentence in sentences:
        cuts = cut(sentence, words)
        if not cuts.stretches:
            continue
        trace = record(model, sentence)
        outside += right_outside(trace, cuts)
        found += [one_stretch(trace, cuts, one, seen) for one in cuts.stretches]
    return found, outside


def one_stretch(trace: Trace, cuts: Cut, stretch: Stretch, seen: str) -> Found:
    """How the heads of the top layer read one stretch."""
    weights = trace.weights(trace.n_layers - 1)
    heads = spelled_by_each(trace, weights)
    exact = tuple(next((side for side in (0, 1) if spells(head, stretch, side)), None) for head in heads)
    inside = tuple(
        "/".join(trace.text[max(a, stretch.start) : min(b, stretch.end)].replace(" ", "") for a, b in head.units
                 if a < stretch.end and b > stretch.start)
        for head in heads
    )  # fmt: skip
    asked = stretch.kind == "crossing"
    top = [trace.n_layers - 1]
    found = lean(trace, cuts.reading(0, stretch), cuts.reading(1, stretch), layers=top) if asked else None
    fits = tuple(fit(trace, stretch, weights).tolist())
    return Found(stretch, stretch.bare not in seen, fits, inside, exact, found)


def right_outside(trace: Trace, cuts: Cut) -> Outside:
    """Are neighbours outside stretches, their edges counted, joined and cut as in the best path?"""
    inside = {place for one in cuts.stretches for place in range(one.start + 1, one.end)}
    starts = {start for start, _ in cuts.units}
    places = [place for place, character in enumerate(cuts.text) if not character.isspace()]
    asked = [place for place in places[1:] if place not in inside]
    total = Outside()
    for head in spelled_by_each(trace, trace.weights(trace.n_layers - 1)):
        ours = {start for start, _ in head.units}
        total += Outside(sum((place in ours) == (place in starts) for place in asked), len(asked))
    return total


def by_chance(rates: Sequence[tuple[float, float]]) -> float:
    """How often would both readings be taken by independent heads that take each reading this often?

    >>> round(by_chance([(0.5, 0.0), (0.0, 0.5)]), 2)
    0.25
    """
    none = math.prod(1 - a for a, _ in rates) + math.prod(1 - b for _, b in rates)
    return 1 - none + math.prod(1 - a - b for a, b in rates)


def shares(found: Sequence[Found]) -> dict[str, float]:
    """The figures of a group of stretches."""
    if not found:
        return {"stretches": 0}
    heads = range(len(found[0].fits))
    exact = [tuple(_mean(one.exact[h] == side for one in found) for side in (0, 1)) for h in heads]
    held = [(_mean(one.fits[h] > HELD for one in found), _mean(one.fits[h] < -HELD for one in found)) for h in heads]
    figures = {
        "stretches": len(found),
        "held": _mean(one.held for one in found),
        "exact": _mean(one.read_off for one in found),
        "held_by_independent_heads": by_chance(held),
        "exact_by_independent_heads": by_chance(exact),  # type: ignore[arg-type]
    }
    if all(one.lean is not None for one in found):
        figures |= {
            "opposite": _mean(one.opposite for one in found),
            "clear_first": _mean(one.outside_band(0) for one in found),
            "clear_second": _mean(one.outside_band(1) for one in found),
        }
    return figures


def heads_of(found: Sequence[Found]) -> list[dict[str, float]]:
    """How often each head spells the first and the second reading, and fits them by 2 nats."""
    return [
        {
            "first": _mean(one.exact[head] == 0 for one in found),
            "second": _mean(one.exact[head] == 1 for one in found),
            "fits_first": _mean(one.fits[head] > HELD for one in found),
            "fits_second": _mean(one.fits[head] < -HELD for one in found),
        }
        for head in range(len(found[0].fits))
    ]


def tables(found: Sequence[Found]) -> dict[str, dict[str, float]]:
    """The figures of all crossing stretches, of new ones, by length and by how likely the second reading is."""
    crossing = [one for one in found if one.stretch.kind == "crossing"]
    groups: dict[str, Group] = {
        "all": lambda one: True,
        "new": lambda one: one.new,
    }
    groups |= {f"length {name}": _between(low, high) for name, (low, high) in LENGTHS.items()}
    groups |= {f"second {name}": _gap(low, high) for name, (low, high) in GAPS.items()}
    made = {name: shares([one for one in crossing if group(one)]) for name, group in groups.items()}
    return made | {"compound": shares([one for one in found if one.stretch.kind == "compound"])}


def _between(low: float, high: float) -> Group:
    return lambda one: low <= len(one.stretch.bare) <= high


def _gap(low: float, high: float) -> Group:
    return lambda one: low <= one.stretch.nats < high


def bridge(model: Model) -> tuple[list[str], bool]:
    """What each head spells of the bridge, and whether both readings are among it."""
    trace = record(model, BRIDGE)
    heads = [reading.words for reading in spelled_by_each(trace, trace.weights(trace.n_layers - 1))]
    holds = any(head in FIRST for head in heads) and any(head in SECOND for head in heads)
    return ["/".join(head) for head in heads], holds


def failures(found: Sequence[Found], count: int = 3) -> list[dict[str, object]]:
    """New stretches whose readings are not both held, as they are: the first, the middle and the last of them."""
    failed = [one for one in found if one.new and not one.held and one.stretch.kind == "crossing"]
    chosen = [failed[round(at * (len(failed) - 1) / max(count - 1, 1))] for at in range(min(count, len(failed)))]
    return [
        {
            "text": one.stretch.text, "start": one.stretch.start, "end": one.stretch.end,
            "first": list(one.stretch.first), "second": list(one.stretch.second), "heads": list(one.spelled),
        }
        for one in chosen
    ]  # fmt: skip


def _mean(values: Iterable[bool]) -> float:
    held = list(values)
    return sum(held) / len(held)
