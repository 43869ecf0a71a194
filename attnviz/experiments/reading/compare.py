"""Two readings beside each other: sentences, models, rules, heads or layers; what changed, in which pairs of words?"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.errors import ArgumentError
from attnviz.measures.reading.moved import by_unit, moved_weight
from attnviz.text.aligned import Aligned, aligned
from attnviz.threads import cached_property
from attnviz.trace import Trace

MOST = 150  # units: of more no difference could be read
Head = tuple[int, int]
Change = tuple[float, str, str, float, float]  # by how much, who looks, at what, the weight before and after


@dataclass(frozen=True)
class Compared:
    """Two runs over the units that both have.

    `first` and `second` are the weights `[layer, head, unit, place]`, NaN where there is no such head; the last place
    is all that is in no unit. `same` says that one network made both, so that a head is compared with itself; of two
    networks each head of the first is compared with the one of the second that is nearest. With `beside` all heads of
    the first are compared with that one of the second. `layers` says that a "head" is the mean of a layer's.
    """

    units: Aligned
    first: Float[Tensor, "layer head unit place"]
    second: Float[Tensor, "layer_b head_b unit place"]
    same: bool
    beside: Head | None = None
    layers: bool = False

    def of_layers(self) -> Compared:
        """The same of layers: the mean of the heads that a layer has, as its head 0."""
        first, second = (weights.nanmean(1, keepdim=True) for weights in (self.first, self.second))
        return Compared(self.units, first, second, self.same, layers=True)

    def with_one(self, beside: Head) -> Compared:
        """All heads of the first beside one of the second. Raises `ArgumentError` where there is no such head."""
        if beside not in self.others:
            raise ArgumentError("compare_no_head", head=self.name(beside))
        return replace(self, beside=beside)

    @property
    def others(self) -> list[Head]:
        """The heads of the second."""
        return _there(self.second)

    def name(self, head: Head) -> str:
        """What a head is called, 2.1, or a layer, 2; both from 0."""
        return str(head[0]) if self.layers else f"{head[0]}.{head[1]}"

    @cached_property
    def ranked(self) -> list[tuple[Head, Head, float]]:
        """(head, the one it is compared with, how much of its weight moved), the most first.

        Beside one head that very head of the same run is left out: it would be laid beside itself.
        """
        others, found = self.others, []
        for head in _there(self.first):
            near = [self.beside] if self.beside is not None else [head] if self.same else others
            told = [(float(moved_weight(self.first[head], self.second[other])), other) for other in near]
            moved, nearest = min(told)
            if self.beside is None or not (self.same and head == nearest and moved == 0):
                found.append((head, nearest, moved))
        return sorted(found, key=lambda one: -one[2])

    def difference(self, head: Head, other: Head) -> Float[Tensor, "unit unit"]:
        """By how much each weight of the second exceeds that of the first."""
        return (self.second[other] - self.first[head])[:, :-1]

    def changes(self, head: Head, other: Head) -> list[Change]:
        """The pairs of units by how much their weight changed, the most first."""
        labels, differ = self.units.labels, self.difference(head, other)
        found = [
            (float(differ[a, b]), labels[a], labels[b], float(self.first[head][a, b]), float(self.second[other][a, b]))
            for a in range(len(labels))
            for b in range(len(labels))
        ]
        return sorted(found, key=lambda one: -abs(one[0]))


def compare(first: Trace, second: Trace, *, same: bool) -> Compared:
    """Lay two runs beside each other. Raises `ArgumentError` where they share no stretch of text.

    >>> import attnviz as av
    >>> model = av.load("lab-4")
    >>> found = compare(av.record(model, "小猫睡了"), av.record(model, "小狗睡了"), same=True)
    >>> found.units.labels
    ('[CLS]', '小', '猫 → 狗', '睡', '了', '[SEP]')
    """
    units = aligned(first.encoded, second.encoded)
    shared = (one for changed, one in zip(units.changed, units.first, strict=True) if not changed)
    if all(first.encoded.spans[one[0]] is None for one in shared):
        raise ArgumentError("compare_nothing_shared")
    if len(units.labels) > MOST:
        raise ArgumentError("compare_long", units=len(units.labels), most=MOST)
    return Compared(units, _weights(first, units.first), _weights(second, units.second), same)


def _weights(trace: Trace, places: tuple[tuple[int, ...], ...]) -> Tensor:
    """All layers' weights between units."""
    found = torch.full((trace.n_layers, trace.n_heads, len(places), len(places) + 1), math.nan, dtype=torch.float64)
    for layer in trace.open_layers:
        weights = by_unit(trace.weights(layer).nan_to_num(0.0), places)
        found[layer, : len(weights)] = weights
    return found


def _there(weights: Tensor) -> list[Head]:
    """(layer, head) of every head that there is."""
    return [(layer, head) for layer, head in weights.isfinite().all(-1).all(-1).nonzero().tolist()]


def as_csv(found: Compared) -> str:
    """A pair of units of a head a line: both weights and their difference, of all heads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["head_a", "head_b", "moved", "query", "key", "a", "b", "difference"])
    for head, other, moved in found.ranked:
        names = [found.name(one) for one in (head, other)]
        for change, asks, looks, before, after in found.changes(head, other):
            writer.writerow([*names, f"{moved:.6g}", asks, looks, *(f"{one:.6g}" for one in (before, after, change))])
    return out.getvalue()
