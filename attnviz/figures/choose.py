"""Which tokens and weights a picture shows, and as what: tokens, characters or words."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core import blocks as streaming
from attnviz.core.attention import Attention
from attnviz.core.rules import Soft
from attnviz.text.tokens import Encoded
from attnviz.text.units import Unit, Units, averaged, groups, pooled
from attnviz.trace import Trace

LEAST_MISSING = 1e-3  # a softmax row that misses 1 by more than this has lost weight somewhere; float32 misses 1e-6


@dataclass(frozen=True)
class Axis:
    """One side of a map: the units that a picture shows, their labels, and the first token of each.

    `units` is None where every token is shown as itself.
    """

    units: Units | None
    places: list[int]
    labels: list[str]
    tokens: list[int]

    def place_of(self, token: int) -> int | None:
        """Where on the axis is this token, or the unit that it belongs to? None where it is not shown."""
        unit = token if self.units is None else self.units.of[token]
        return self.places.index(unit) if unit in self.places else None


def axes(trace: Trace, specials: bool, by: Unit = "token") -> tuple[Axis, Axis]:
    """The queries (down) and the keys (across) that a picture shows; two texts in cross attention, else one."""
    queries = _axis(trace.encoded, specials, by)
    return queries, queries if trace.looked_at is None else _axis(trace.looked_at, specials, by)


def _axis(encoded: Encoded, specials: bool, by: Unit) -> Axis:
    """All units of a text, or those that the tokenizer did not add ([CLS], [SEP]) unless there are no others."""
    units = groups(encoded, by)
    every = list(range(len(units.labels)))
    places = every if specials else [place for place in every if not units.special[place]] or every
    firsts = units.firsts if by != "token" else every
    labels, tokens = [units.labels[place] for place in places], [firsts[place] for place in places]
    return Axis(None if by == "token" else units, places, labels, tokens)


def visible(found: Attention, shown: tuple[Axis, Axis]) -> Float[Tensor, "*head query key"]:
    """Weights of what is shown, `[query, key]` or `[head, query, key]`; NaN where a key is not allowed.

    Leaving tokens out never rescales the others: a row may sum to less than 1.
    """
    weights = found.weights.float()
    if found.allowed is not None:
        weights = weights.masked_fill(~found.allowed, torch.nan)
    queries, keys = shown
    if queries.units is not None and keys.units is not None:
        weights = pooled(weights, queries.units, keys.units)
    return weights.index_select(-2, torch.tensor(queries.places)).index_select(-1, torch.tensor(keys.places))


def reader(found: Attention, shown: tuple[Axis, Axis]) -> streaming.Read:
    """One head's rows of what is shown, for `streaming.pool`: `visible` a block at a time."""
    queries, keys = shown
    rows = streaming.reader(found)
    if _whole(queries, found.queries.shape[-2]) and _whole(keys, found.keys.shape[-2]):
        return rows
    across = torch.tensor(keys.places)

    def read(start: int, stop: int) -> tuple[Tensor, Tensor]:
        members = [[place] if queries.units is None else queries.units.places[place] for place in queries.places]
        asked = [token for tokens in members[start:stop] for token in tokens]
        first, last = min(asked), max(asked) + 1
        block = streaming.window(found, range(first, last), range(found.keys.shape[-2]))
        block = block.index_select(0, torch.tensor(asked) - first)
        if queries.units is not None and keys.units is not None:
            of = tuple(unit for unit, tokens in enumerate(members[start:stop]) for _ in tokens)
            block = pooled(block, Units(of, ("",) * (stop - start), ()), keys.units)
        block = block.index_select(1, across)
        return block.nan_to_num(0.0), ~block.isnan()

    return read


def _whole(axis: Axis, count: int) -> bool:
    """Does an axis show every token as itself?"""
    return axis.units is None and len(axis.places) == count


def missing(found: Attention, queries: Axis) -> tuple[Float[Tensor, " query"], bool] | None:
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
    if queries.units is not None:
        lost = averaged(lost, queries.units)
    return lost[torch.tensor(queries.places)], found.sink is not None
