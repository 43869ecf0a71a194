"""Which places and weights a picture shows, and as what: each by itself or together, as the axis offers it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Axis, Units
from attnviz.axes.units import averaged, pooled
from attnviz.core import blocks as streaming
from attnviz.core.attention import Attention
from attnviz.core.rules import Soft
from attnviz.trace import Trace

LEAST_MISSING = 1e-3  # a softmax row that misses 1 by more than this has lost weight somewhere; float32 misses 1e-6


@dataclass(frozen=True)
class Side:
    """What a picture shows of one axis: the units shown, their labels, and the first place of each.

    `joined` says whether any grouping was asked for that the axis has; else each place is a unit.
    """

    units: Units
    joined: bool
    places: list[int]
    labels: list[str]
    tokens: list[int]

    def place_of(self, token: int) -> int | None:
        """Where in the picture is this place of the axis, or the unit it belongs to? None where it is not shown."""
        unit = self.units.of[token]
        return self.places.index(unit) if unit in self.places else None


def sides(trace: Trace, specials: bool, by: str = "token") -> tuple[Side, Side]:
    """The queries (down) and the keys (across) that a picture shows, the same where a thing looks at itself."""
    queries = _side(trace.queries, specials, by)
    return queries, queries if trace.keys is trace.queries else _side(trace.keys, specials, by)


def _side(axis: Axis, specials: bool, by: str) -> Side:
    """All units of an axis, or those that are not special ([CLS], a register) unless there are no others."""
    units, joined = axis.grouped(by), by in axis.groupings[1:]
    every = list(range(len(units.labels)))
    places = every if specials else [place for place in every if not units.special[place]] or every
    firsts = units.firsts if joined else every
    labels, tokens = [units.labels[place] for place in places], [firsts[place] for place in places]
    return Side(units, joined, places, labels, tokens)


def visible(found: Attention, shown: tuple[Side, Side]) -> Float[Tensor, "*head query key"]:
    """Weights of what is shown, `[query, key]` or `[head, query, key]`; NaN where a key is not allowed.

    Leaving tokens out never rescales the others: a row may sum to less than 1.
    """
    weights = found.weights.float()
    if found.allowed is not None:
        weights = weights.masked_fill(~found.allowed, torch.nan)
    queries, keys = shown
    if queries.joined or keys.joined:
        weights = pooled(weights, queries.units, keys.units)
    return weights.index_select(-2, torch.tensor(queries.places)).index_select(-1, torch.tensor(keys.places))


def reader(found: Attention, shown: tuple[Side, Side]) -> streaming.Read:
    """One head's rows of what is shown, for `streaming.pool`: `visible` a block at a time."""
    queries, keys = shown
    rows = streaming.reader(found)
    if _whole(queries, found.queries.shape[-2]) and _whole(keys, found.keys.shape[-2]):
        return rows
    across = torch.tensor(keys.places)

    def read(start: int, stop: int) -> tuple[Tensor, Tensor]:
        members = [queries.units.places[place] for place in queries.places]
        asked = [token for tokens in members[start:stop] for token in tokens]
        first, last = min(asked), max(asked) + 1
        block = streaming.window(found, range(first, last), range(found.keys.shape[-2]))
        block = block.index_select(0, torch.tensor(asked) - first)
        if queries.joined or keys.joined:
            of = tuple(unit for unit, tokens in enumerate(members[start:stop]) for _ in tokens)
            block = pooled(block, Units(of, ("",) * (stop - start), ()), keys.units)
        block = block.index_select(1, across)
        return block.nan_to_num(0.0), ~block.isnan()

    return read


def _whole(side: Side, count: int) -> bool:
    """Does a picture show every place of an axis by itself?"""
    return not side.joined and len(side.places) == count


def missing(found: Attention, queries: Side) -> tuple[Float[Tensor, " query"], bool] | None:
    """What part of one head's rows reaches no key, and is it a learned sink's? None where the rows are whole.

    A learned sink has its true weight under the rule. Where there is none, a softmax row that misses 1 has lost the
    rest; what a hard rule cut is not missing, nor is a row that may look at nothing.
    """
    if found.sink is not None:
        lost = found.rule.weigh(found.with_sink(found.scores))[..., -1].float()
    elif isinstance(found.rule, Soft):
        total = found.weights.float().sum(-1)
        lost = torch.where(total > 0, 1 - total, torch.zeros_like(total))
        if not bool((lost > LEAST_MISSING).any()):
            return None
    else:
        return None
    lost = lost.clamp(0, 1)
    if queries.joined:
        lost = averaged(lost, queries.units)
    return lost[torch.tensor(queries.places)], found.sink is not None
