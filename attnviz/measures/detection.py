"""What a detector found in a picture, where each query looked for it, and how that agrees with what is truly there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.answers import NO_OBJECT, Answer
from attnviz.axes import Axis, Box
from attnviz.core.attention import Sampled
from attnviz.core.rules import Rule
from attnviz.errors import ModelError
from attnviz.trace import Trace

SAME = 0.5  # the overlap (intersection over union) from which a found box is taken for a true one, as in PASCAL VOC


@dataclass(frozen=True)
class Found:
    """A thing that a query found: its box in pixels, its label, how sure the model is (0 to 1), the query's number."""

    slot: int
    box: Box
    label: str
    confidence: float


@dataclass(frozen=True)
class Matched:
    """Found boxes beside true ones: `pairs` of their numbers, true boxes that were `missed`, boxes found `twice` (each
    with the true one that another has already), and boxes with nothing under them (`nothing`).
    """

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    twice: tuple[tuple[int, int], ...]
    nothing: tuple[int, ...]


def found(trace: Trace, least: float = 0.5) -> tuple[Found, ...]:
    """What did a detector find in a picture? Things it is at least so sure of, the surest first.

    Raises `ModelError` for a run of a model that gives no boxes.

    >>> from attnviz.answers import Answer
    >>> from attnviz.axes import Slots
    >>> slots = Slots(1, "query", ((2.0, 2.0, 8.0, 6.0),))
    >>> said = Answer("token", torch.tensor([[3.0, -2.0]]), ("cat", "dog"), slots, "several")
    >>> found(Trace(slots, slots, (), answer=said))[0].label
    'cat'
    """
    answer = _of_boxes(trace)
    count = len(answer.labels) - (answer.labels[-1] == NO_OBJECT)
    things = []
    for slot in range(len(answer.read)):
        sure, label = answer.values(slot)[:count].max(-1)
        box = answer.read.stands_for(slot)
        if float(sure) >= least and isinstance(box, Box):
            things.append(Found(slot, box, answer.labels[int(label)], float(sure)))
    return tuple(sorted(things, key=lambda thing: -thing.confidence))


def inside(trace: Trace, layer: int, slot: int, rule: Rule | None = None) -> Float[Tensor, " head"]:
    """Which share of a query's weight on the picture lies in the box that it found, by head?

    `trace` is the map from queries to the picture ("cross"; YOLOS has one of all). A place counts by the part of it
    that the box covers, so an even look gives the box's own share of the picture. NaN for a head that looks nowhere. Of
    a model that chooses its points (RT-DETR) each of them counts where it lies.
    """
    slots = _of_boxes(trace).read
    box = slots.stands_for(slot)
    assert isinstance(box, Box), slot
    if isinstance(call := trace.attention(layer), Sampled):
        return _inside_of_points(trace.weights(layer, rule=rule)[:, slot], call.places[:, slot], box)
    query = slot if len(trace.queries) == len(slots) else len(trace.queries) - len(slots) + slot
    weights = trace.weights(layer, rule=rule)[:, query]
    seen = torch.tensor([trace.keys.stands_for(place) is not None for place in range(len(trace.keys))])
    on_picture = weights[:, seen].sum(-1)
    return (weights * covered(trace.keys, box)).sum(-1) / on_picture.where(on_picture > 0, torch.nan)


def _inside_of_points(
    weights: Float[Tensor, "head point"], places: Float[Tensor, "head point 2"], box: Box
) -> Float[Tensor, " head"]:
    """Which share of the weight of points lies in a box, by head?"""
    low, high = torch.tensor([box.left, box.top]), torch.tensor([box.right, box.bottom])
    own = ((places >= low) & (places <= high)).all(-1)
    total = weights.sum(-1)
    return (weights * own).sum(-1) / total.where(total > 0, torch.nan)


def _of_boxes(trace: Trace) -> Answer:
    """What a detector said. Raises `ModelError` for a run of a model that gives no boxes."""
    answer = trace.answer
    if answer is None or not any(isinstance(answer.read.stands_for(slot), Box) for slot in range(len(answer.read))):
        raise ModelError("model_finds_nothing", model=trace.model)
    return answer


def covered(axis: Axis, box: Box) -> Float[Tensor, " place"]:
    """Which part of each place of a picture does a box cover, 0 to 1?

    >>> from attnviz.axes import Patches
    >>> covered(Patches(4, 2, rows=1, columns=2), Box(0.0, 0.0, 3.0, 2.0)).tolist()
    [1.0, 0.5]
    """
    shares = []
    for place in range(len(axis)):
        here = axis.stands_for(place)
        if not isinstance(here, Box):
            shares.append(0.0)
            continue
        wide, high = _shared(here, box)
        shares.append(wide * high / ((here.right - here.left) * (here.bottom - here.top)))
    return torch.tensor(shares)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 to 1.

    >>> overlap(Box(0, 0, 2, 2), Box(1, 0, 3, 2))
    0.3333333333333333
    """
    wide, high = _shared(one, other)
    areas = sum(max(box.right - box.left, 0) * max(box.bottom - box.top, 0) for box in (one, other))
    union = areas - wide * high
    return wide * high / union if union > 0 else 0.0


def matched(things: Sequence[tuple[Box, str]], true: Sequence[tuple[Box, str]], least: float = SAME) -> Matched:
    """Which found things, the surest first, are which of the true ones, each with its label? As PASCAL VOC has it.

    Each is held against the true box of its label that it overlaps most; the first to overlap one enough has found it,
    a later one has found it twice. So average precision counts; `assigned` matches all of them at once.

    >>> here = Box(0, 0, 4, 4)
    >>> matched([(here, "cat"), (here, "cat"), (here, "dog")], [(here, "cat")])
    Matched(pairs=((0, 0),), missed=(), twice=((1, 0),), nothing=(2,))
    """
    pairs, twice, nothing, taken = [], [], [], set[int]()
    for number, shares in enumerate(_alike(things, true)):
        at = max(range(len(shares)), key=shares.__getitem__, default=-1)
        if at < 0 or shares[at] < least:
            nothing.append(number)
        elif at in taken:
            twice.append((number, at))
        else:
            taken.add(at)
            pairs.append((number, at))
    missed = tuple(at for at in range(len(true)) if at not in taken)
    return Matched(tuple(pairs), missed, tuple(twice), tuple(nothing))


def assigned(things: Sequence[tuple[Box, str]], true: Sequence[tuple[Box, str]], least: float = SAME) -> Matched:
    """Which found things are which of the true ones, each with its label, if all are matched at once?

    One to one, as DETR is trained (Carion et al. 2020, eq. 1), by scipy's `linear_sum_assignment`: only a thing and a
    true box of one label that overlap by `least` make a pair; as many pairs as can be, and of those the greatest
    overlap together. How sure a thing is counts for nothing. What is left over has found twice what it overlaps most.

    >>> here, beside = Box(0, 0, 4, 4), Box(1, 0, 5, 4)
    >>> assigned([(beside, "cat"), (here, "cat"), (here, "dog")], [(here, "cat")])
    Matched(pairs=((1, 0),), missed=(), twice=((0, 0),), nothing=(2,))
    """
    from scipy.optimize import linear_sum_assignment

    shares = np.array(_alike(things, true)).reshape(len(things), len(true))
    fits = shares >= least
    cost = np.where(fits, 1 - shares, 1 + min(shares.shape))  # one that does not fit costs more than all that do
    rows, columns = linear_sum_assignment(cost)
    pairs = tuple((int(row), int(at)) for row, at in zip(rows, columns, strict=True) if fits[row, at])
    found, taken = {number for number, _ in pairs}, {at for _, at in pairs}
    over = [number for number in range(len(things)) if number not in found]
    twice = tuple((number, int(shares[number].argmax())) for number in over if fits[number].any())
    nothing = tuple(number for number in over if not fits[number].any())
    return Matched(pairs, tuple(at for at in range(len(true)) if at not in taken), twice, nothing)


def _alike(things: Sequence[tuple[Box, str]], true: Sequence[tuple[Box, str]]) -> list[list[float]]:
    """How much does each found thing overlap each true one? -1 where their labels differ."""
    return [[overlap(box, other) if name == label else -1.0 for other, name in true] for box, label in things]


def _shared(one: Box, other: Box) -> tuple[float, float]:
    """How wide and high is what two boxes share?"""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(wide, 0.0), max(high, 0.0)
