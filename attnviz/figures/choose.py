"""Which places and weights a picture shows, and as what: each by itself or together, as the axis offers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.axes import Axis, Units
from attnviz.axes.units import averaged, pooled
from attnviz.core import blocks as streaming
from attnviz.core.attention import Attention
from attnviz.core.rules import Rule, Soft
from attnviz.selection import Selection
from attnviz.trace import Trace

LEAST_MISSING = 1e-3  # a softmax row that misses 1 by more than this has lost weight somewhere; float32 misses 1e-6


@dataclass(frozen=True)
class Side:
    """What a picture shows of one axis: the units shown, their labels, and the first place of each.

    `joined` says whether any grouping was asked for that the axis has; else each place is a unit. `right_to_left`: the
    first of them stands on the right, as the text is written. `texts` say of each place shown which of two texts it is
    of (0, 1, None for neither), () where there is but one; `roles` who says it in a chat, () where there is none.
    """

    units: Units
    joined: bool
    places: list[int]
    labels: list[str]
    tokens: list[int]
    right_to_left: bool = False
    texts: tuple[int | None, ...] = ()
    roles: tuple[str | None, ...] = ()

    def place_of(self, token: int) -> int | None:
        """Where in the picture is this place of the axis, or the unit it belongs to? None where it is not shown."""
        unit = self.units.of[token]
        return self.places.index(unit) if unit in self.places else None


@dataclass(frozen=True)
class Lost:
    """What part of each row shown reaches no key; `learned` where a sink that the model has learned takes it."""

    weights: Float[Tensor, " query"]
    learned: bool


@dataclass(frozen=True)
class Head:
    """What is shown of one head, in numbers: the picture, its words and what they are made of agree on these.

    `weights` `[query, key]` are NaN where a key is not allowed. `cell` (row, column) is the chosen pair where it is
    shown; `border` how many (rows, columns) come before what the model wrote, None where no line parts them.
    """

    selection: Selection
    weights: Float[Tensor, "query key"]
    queries: Side
    keys: Side
    lost: Lost | None = None
    cell: tuple[int, int] | None = None
    border: tuple[int, int] | None = None

    @property
    def crossed(self) -> bool:
        """Does one thing look at another?"""
        return self.keys is not self.queries

    @property
    def pair(self) -> tuple[int, int] | None:
        """The tokens (query, key) of the chosen pair, the first of each unit."""
        return None if self.cell is None else (self.queries.tokens[self.cell[0]], self.keys.tokens[self.cell[1]])

    def beyond(self, other: Head) -> Float[Tensor, "query key"]:
        """By how much does each weight exceed that of another picture? A pair that one of them does not allow counts as
        0 there; NaN where neither allows it.
        """
        found = self.weights.nan_to_num(0.0) - other.weights.nan_to_num(0.0)
        return found.masked_fill(self.weights.isnan() & other.weights.isnan(), torch.nan)

    @property
    def strongest(self) -> tuple[int, int]:
        """The (row, column) of the largest weight; of a thing that looks at itself, not from a place to itself."""
        weights = self.weights.nan_to_num(0.0)
        if not self.crossed:
            weights = weights.fill_diagonal_(0)
        row, column = divmod(int(weights.argmax()), weights.shape[-1])
        return row, column


@dataclass(frozen=True)
class Pair:
    """Two units as the map by character or word knows them, and the places that each is made of.

    `weight` is summed over `keys` and averaged over `queries`, NaN where no place of one may look at any of the other;
    `rank` 1 is the largest weight of the row, of `others` units that may be looked at; `alike` counts others of the
    same weight.
    """

    query: str
    key: str
    weight: float
    rank: int
    others: int
    queries: list[int]
    keys: list[int]
    alike: int = 0

    @property
    def alone(self) -> bool:
        """Is either but one place? Then its weight is the cell's own."""
        return len(self.queries) == len(self.keys) == 1


def pair(trace: Trace, selection: Selection) -> Pair:
    """What does the map by unit say of the pair that is chosen? Also of one that the picture leaves out."""
    shown = head(trace, replace(selection, specials=True, block=None))
    (row, column), weights = shown.cell or (0, 0), shown.weights
    weight, allowed = weights[row, column], ~weights[row].isnan()
    return Pair(
        shown.queries.labels[row], shown.keys.labels[column], float(weight),
        rank=int((weights[row].nan_to_num(-1.0) > weight).sum()) + 1, others=int(allowed.sum()),
        queries=shown.queries.units.places[row], keys=shown.keys.units.places[column],
        alike=max(0, int((weights[row] == weight).sum()) - 1),
    )  # fmt: skip


def head(trace: Trace, selection: Selection) -> Head:
    """What does a picture show of the head that is chosen? Its rule is resolved here, once.

    Raises `AttnvizError` for a layer or head that is not there, and for a layer without attention.
    """
    queries, keys = shown = sides(trace, selection)
    found = selection.attention(trace)
    lost, cell = missing(found, queries), None
    if selection.cell is not None:
        row, column = queries.place_of(selection.cell[0]), keys.place_of(selection.cell[1])
        cell = None if row is None or column is None else (row, column)
    return Head(selection, visible(found, shown), queries, keys, lost, cell, _border(shown, trace.border))


def under(trace: Trace, selection: Selection, rules: Sequence[Rule]) -> Float[Tensor, "rule query key"]:
    """What does a picture show of the head that is chosen under each of some rules? Only the head's own weights change:
    the scores are those of the run. NaN where a key is not allowed.
    """
    shown = sides(trace, selection)
    found = selection.attention(trace)
    under = (found.under(rule.at(selection.layer, selection.head)) for rule in rules)
    return torch.stack([visible(one, shown) for one in under])


def strongest(
    trace: Trace, selection: Selection, *, query: int | None = None, key: int | None = None
) -> tuple[int, int]:
    """Which pair (query, key) of the open head has the largest weight, of those that are no place's own?

    Special places are left out, whether the picture shows them or not: in most heads they gather the weight (Clark et
    al. 2019, sec. 3.2). Where nothing else is left they count, and at last what a place gives to itself. `query` or
    `key` is held where it is given. By word or character a unit is named by its first token.
    """
    if query is not None and key is not None:
        return query, key
    for specials, own in ((False, False), (True, False), (True, True)):
        block = selection.block if not specials else None
        shown = head(trace, replace(selection, key=None, specials=specials, block=block))
        if (found := _largest(shown, (query, key), own=own)) is not None:
            return shown.queries.tokens[found[0]], shown.keys.tokens[found[1]]
    return query or 0, key or 0


def _largest(shown: Head, held: tuple[int | None, int | None], *, own: bool) -> tuple[int, int] | None:
    """The (row, column) of the largest weight above 0, off the diagonal unless `own`; None where there is none."""
    weights = shown.weights.nan_to_num(0.0)
    if not own and not shown.crossed:
        weights = weights.fill_diagonal_(0)
    for token, side, axis in zip(held, (shown.queries, shown.keys), (0, 1), strict=True):
        if token is None:
            continue
        place = side.place_of(token)
        if place is None:
            return None
        kept = torch.arange(weights.shape[axis]) == place
        weights = weights * (kept[:, None] if axis == 0 else kept)
    row, column = divmod(int(weights.argmax()), weights.shape[-1])
    return (row, column) if weights[row, column] > 0 else None


def _border(shown: tuple[Side, Side], first: int | None) -> tuple[int, int] | None:
    """How many rows and columns come before token `first`; None where that leaves one of them empty."""
    if first is None:
        return None
    rows, columns = (sum(token < first for token in side.tokens) for side in shown)
    inside = 0 < rows < len(shown[0].tokens) and 0 < columns < len(shown[1].tokens)
    return (rows, columns) if inside else None


def sides(trace: Trace, selection: Selection) -> tuple[Side, Side]:
    """The queries (down) and the keys (across) that a picture shows, the same where a thing looks at itself."""
    first, second = selection.block or (None, None)
    queries = _side(trace.queries, selection, first)
    same = trace.keys is trace.queries and first == second
    return queries, queries if same else _side(trace.keys, selection, second)


def _side(axis: Axis, selection: Selection, text: int | None) -> Side:
    """All units of an axis, or those of one of two texts; those that are special ([CLS], a register) where they are
    asked for. All, unless there are others.
    """
    units, joined = axis.grouped(selection.by), selection.by in axis.groupings[1:]
    every = list(range(len(units.labels)))
    firsts = units.firsts if joined else every
    of = [axis.segments[first] for first in firsts] if axis.segments else []
    places = every if selection.specials else [place for place in every if not units.special[place]] or every
    if of and text is not None:
        places = [place for place in every if of[place] == text] or every
    labels, tokens = [units.labels[place] for place in places], [firsts[place] for place in places]
    texts = tuple(of[place] for place in places) if of else ()
    roles = tuple(axis.roles[token] for token in tokens) if axis.roles else ()
    return Side(units, joined, places, labels, tokens, axis.right_to_left, texts, roles)


def visible(found: Attention, shown: tuple[Side, Side]) -> Float[Tensor, "*head query key"]:
    """Weights of what is shown, `[query, key]` or `[head, query, key]`; NaN where a key is not allowed.

    Leaving tokens out never rescales the others: a row may sum to less than 1.
    """
    weights = found.weights.float()
    if found.allowed is not None:
        weights = weights.masked_fill(~found.allowed, torch.nan)
    queries, keys = shown
    return (
        by_unit(weights, shown)
        .index_select(-2, torch.tensor(queries.places))
        .index_select(-1, torch.tensor(keys.places))
    )


def by_unit(
    weights: Float[Tensor, "*head query key"], shown: tuple[Side, Side]
) -> Float[Tensor, "*head unit other"]:  # fmt: skip
    """Weights of the units of both sides (`pooled`); the same weights where each place is by itself."""
    queries, keys = shown
    return pooled(weights, queries.units, keys.units) if queries.joined or keys.joined else weights


def reader(found: Attention, shown: tuple[Side, Side]) -> streaming.Rows:
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

    return streaming.Rows(read, (len(queries.places), len(keys.places)))


def _whole(side: Side, count: int) -> bool:
    """Does a picture show every place of an axis by itself?"""
    return not side.joined and len(side.places) == count


def missing(found: Attention, queries: Side) -> Lost | None:
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
    return Lost(lost[torch.tensor(queries.places)], found.sink is not None)
