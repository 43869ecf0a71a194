"""Weights of long texts in blocks of rows: what a picture needs, and never the square of the text at once.

`found` is an `Attention` of one head `[query, ...]` or of several `[head, query, ...]`. Every rule sees whole rows, so
what comes out here is what `found.weights` would hold, entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.attention import Attention, Observed, Sampled
from attnviz.core.causal import CausalMask
from attnviz.core.rules import Rule, Sample
from attnviz.errors import AttnvizError

Pool = Literal["max", "mean"]
BLOCK = 2**20  # weights in a block, 4 MB; of 2**17 to 2**22 the fastest with one head of 4,096 tokens
Read = Callable[[int, int], tuple[Tensor, Tensor | None]]  # rows start to stop: weights, and who is allowed if not all
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Rows:
    """Whatever can be read by rows: how, and how many (rows, columns) there are."""

    read: Read
    shape: tuple[int, int]


def rows(found: Attention, start: int, stop: int) -> Float[Tensor, "*head row key"]:
    """The exact weights of the queries from `start` to before `stop`, over all keys.

    Raises `AttnvizError` for a query that is not there.
    """
    return part(found, start, stop).weights.float()


def part(found: Attention, start: int, stop: int) -> Attention:
    """The call as if these queries alone had been asked; every row of it is what it is in the whole."""
    _check("query", range(start, stop), found.queries.shape[-2])
    changes: dict[str, object] = {
        "queries": found.queries[..., start:stop, :],
        "allowed": sliced(found.allowed, start, stop),
        "bias": sliced(found.bias, start, stop),
        "rule": _from_query(found.rule, start),
    }
    if found.sink is not None:
        changes["sink"] = found.sink if found.sink.shape[-1] == 1 else found.sink[..., start:stop]
    if isinstance(found, Observed):
        changes["given"] = found.given[..., start:stop, :]
    if isinstance(found, Sampled):
        changes["places"] = found.places[..., start:stop, :, :]
    return replace(found, **changes)  # type: ignore[arg-type]


def sliced(table: Tensor | None, start: int, stop: int) -> Tensor | None:
    """Rows of a mask or a bias `[..., query, key]`, of which one row may stand for all."""
    if isinstance(table, CausalMask):
        return table.part(range(start, stop))
    return table if table is None or table.shape[-2] == 1 else table[..., start:stop, :]


def pooled(
    found: Attention,
    size: tuple[int, int],
    how: Pool = "max",
    *,
    part: tuple[range, range] | None = None,
    on_progress: Callable[[float], object] | None = None,
    shown: Callable[[Tensor], Tensor] | None = None,
) -> Float[Tensor, "*head down across"]:
    """What does the map look like from afar? Its largest, or its mean, weight in each of `size` (down, across) cells.

    Cells are those of torch's adaptive pooling: from floor(i n / m) to ceil((i + 1) n / m). The mean is over the pairs
    of a cell that are allowed; a cell in which none is, is NaN. A map that is not larger than `size` along one side
    stays as it is along that side. Of a `part` (queries, keys) the cells are those of that part alone. `on_progress`
    hears which share is done, 0 to 1. `shown` turns whole rows of weights into what is pooled in their place (their
    share of the row's largest, say); 0 must stay 0. Raises `AttnvizError` for a part that is not there.

    >>> from attnviz.core.attention import attend
    >>> from attnviz.core.rules import Soft
    >>> pooled(attend(torch.zeros(4, 1), torch.zeros(4, 1), torch.zeros(4, 1), rule=Soft()), (2, 2))
    tensor([[0.2500, 0.2500],
            [0.2500, 0.2500]])
    """
    shape = (found.queries.shape[-2], found.keys.shape[-2])
    if part is not None:
        _check("query", part[0], shape[0])
        _check("key", part[1], shape[1])
    heads = [None] if found.queries.ndim < 3 else list(range(found.n_heads))
    done: list[Tensor] = []
    for number, head in enumerate(heads):
        one = found if head is None else only(found, head)

        def told(share: float, number: int = number) -> None:
            if on_progress is not None:
                on_progress((number + share) / len(heads))

        done.append(pool(reader(one), size, how, part=part, on_progress=told, shown=shown))
    return done[0] if found.queries.ndim < 3 else torch.stack(done)


def only(found: Attention, head: int) -> Attention:
    """One head of several, its rule as it acts in that head."""
    rule = found.rule
    moved = replace(rule, first_head=rule.first_head + head) if isinstance(rule, Sample) else rule
    return replace(found.only(head), rule=moved)


def reader(found: Attention) -> Rows:
    """The rows of one head as `pool` asks for them."""

    def read(start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        block = part(found, start, stop)
        if isinstance(found.allowed, CausalMask):
            block = _before(block, min(stop, found.keys.shape[-2]))
        return block.weights.float(), block.allowed

    return Rows(read, (found.queries.shape[-2], found.keys.shape[-2]))


def _before(block: Attention, stop: int) -> Attention:
    """A block whose queries see no key from `stop` on, without these keys: half the work for causal weights."""
    seen = range(stop)
    changes: dict[str, object] = {"allowed": _columns(block.allowed, seen), "bias": _columns(block.bias, seen)}
    if isinstance(block, Observed):
        changes["given"] = _columns(block.given, seen)
    keys, values = block.keys[..., :stop, :], block.values[..., :stop, :]
    return replace(block, keys=keys, values=values, **changes)  # type: ignore[arg-type]


def pool(
    rows: Rows,
    size: tuple[int, int],
    how: Pool = "max",
    *,
    part: tuple[range, range] | None = None,
    on_progress: Callable[[float], object] | None = None,
    shown: Callable[[Tensor], Tensor] | None = None,
) -> Float[Tensor, "down across"]:
    """`pooled` for whatever can be read by rows; columns that it leaves out at the end are not allowed."""
    queries, keys = part or (range(rows.shape[0]), range(rows.shape[1]))
    down, across = _edges(len(queries), size[0]), _edges(len(keys), size[1])
    found = []
    for cells in _blocks(down, rows.shape[1]):
        start, stop = down[cells.start][0], down[cells.stop - 1][1]
        weights, allowed = rows.read(queries.start + start, queries.start + stop)
        weights = (weights if shown is None else shown(weights))[..., keys.start : keys.stop]
        spans = [(first - start, last - start) for first, last in down[cells.start : cells.stop]]
        found.append(_cells(weights, _columns(allowed, keys), spans, across, how))
        if on_progress is not None:
            on_progress(stop / len(queries))
    return torch.cat(found)


def _columns(table: Tensor | None, keys: range) -> Tensor | None:
    """Some columns of a mask or a bias, of which one may stand for all."""
    if isinstance(table, CausalMask):
        return table.part(range(table.shape[-2]), keys)
    return table if table is None or table.shape[-1] == 1 else table[..., keys.start : keys.stop]


def window(found: Attention, queries: range, keys: range) -> Float[Tensor, "*head query key"]:
    """A part of the map at full resolution; NaN where a key is not allowed.

    Raises `AttnvizError` for a query or key that is not there.
    """
    _check("key", keys, found.keys.shape[-2])
    _check("query", queries, found.queries.shape[-2])
    block = part(found, queries.start, queries.stop)
    return _marked(block)[..., keys.start : keys.stop]


def row(found: Attention, query: int) -> Float[Tensor, "*head key"]:
    """One query over all keys; NaN where a key is not allowed. `AttnvizError` for a query that is not there."""
    _check("query", range(query, query + 1), found.queries.shape[-2])
    return _marked(part(found, query, query + 1))[..., 0, :]


def column(found: Attention, key: int) -> Float[Tensor, "*head query"]:
    """One key over all queries; NaN where a query may not look at it. `AttnvizError` for a key that is not there."""
    count, width = found.queries.shape[-2], found.keys.shape[-2]
    _check("key", range(key, key + 1), width)
    heads = found.n_heads if found.queries.ndim > 2 else 1
    step = max(1, BLOCK // (width * heads))
    parts = (part(found, start, min(start + step, count)) for start in range(0, count, step))
    return torch.cat([_marked(block)[..., key] for block in parts], dim=-1)


def _marked(block: Attention) -> Tensor:
    """The weights of a block, NaN where a key is not allowed."""
    weights = block.weights.float()
    return weights if block.allowed is None else weights.masked_fill(~block.allowed, torch.nan)


def _from_query(rule: Rule, query: int) -> Rule:
    """The rule for rows that begin later: what is drawn at random is drawn for each query by its number."""
    return replace(rule, first_query=rule.first_query + query) if isinstance(rule, Sample) else rule


def _edges(count: int, cells: int) -> Spans:
    """Where each cell of one side begins and ends, as in torch's adaptive pooling."""
    cells = min(cells, count)
    return [(i * count // cells, -(-(i + 1) * count // cells)) for i in range(cells)]


def _blocks(down: Spans, width: int) -> Iterator[range]:
    """Rows of cells that are read together: as many as a block holds, and at least one."""
    most, first = max(1, BLOCK // max(width, 1)), 0
    for number in range(1, len(down) + 1):
        if number == len(down) or down[number][1] - down[first][0] > most:
            yield range(first, number)
            first = number


def _cells(
    weights: Tensor, allowed: Tensor | None, down: Spans, across: Spans, how: Pool
) -> Float[Tensor, "down across"]:
    """The cells of one block of whole rows."""
    width = across[-1][1]
    counts = _sizes(down, across) if allowed is None else _counts(allowed, down, across)
    if how == "max":
        found = _over(_padded(_over(weights, down, torch.amax), width), across, torch.amax, -1)
    else:
        total = _over(_padded(_over(weights, down, torch.sum).double(), width), across, torch.sum, -1)
        found = (total / counts).float()
    return found.masked_fill(counts == 0, torch.nan)


def _padded(values: Tensor, width: int) -> Tensor:
    """The same with zeros for the columns that are not there."""
    return F.pad(values, (0, width - values.shape[-1]))


def _sizes(down: Spans, across: Spans) -> Tensor:
    """How many pairs does each cell have?"""
    return torch.tensor([b - a for a, b in down])[:, None] * torch.tensor([b - a for a, b in across])


def _counts(allowed: Bool[Tensor, "row key"], down: Spans, across: Spans) -> Tensor:
    """How many pairs of each cell are allowed?"""
    if isinstance(allowed, CausalMask):
        return _over(allowed.seen(across), down, torch.sum)
    rows, width = down[-1][1], across[-1][1]
    whole = allowed.expand(rows, allowed.shape[-1] if allowed.shape[-1] > 1 else width)
    by_row = _over(whole.view(torch.uint8), down, torch.sum)  # [cell, key]
    return _over(_padded(by_row, width), across, torch.sum, -1)


def _over(values: Tensor, spans: Spans, join: Callable[..., Tensor], axis: int = -2) -> Tensor:
    """What lies in each span of one axis, joined to one."""
    first, last = spans[0]
    if all(b - a == last - first and a == first + n * (last - first) for n, (a, b) in enumerate(spans)):
        if last - first == 1:
            return values
        return join(values.unflatten(axis, (len(spans), last - first)), dim=axis if axis == -1 else -2)
    return torch.stack([join(values.narrow(axis, a, b - a), dim=axis) for a, b in spans], dim=axis)


def _check(what: str, asked: range, count: int) -> None:
    """Refuse what is not there, and a part of nothing."""
    if len(asked) == 0 or asked.step != 1:
        raise ValueError(f"a part of the map needs consecutive tokens, at least one; got {asked}")
    for number in (asked.start, asked.stop - 1):
        if not 0 <= number < count:
            raise AttnvizError(f"no_such_{what}", number=number, last=count - 1)
