"""Which heads do a thing most? All heads of a run in the order of one number: a habit, how spread out, how far."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, shown
from attnviz.measures.entropy import entropy, normalised
from attnviz.measures.habits import HABITS, TEXT_HABITS, targets
from attnviz.trace import Trace

SHARES = (*TEXT_HABITS, "same_token", "induction", "first", "special", "left", "right")  # of a token's weight, 0 to 1
ORDERS = (*SHARES, "entropy", "focus", "reach")
BETWEEN_TEXTS = ("punctuation", "same_token", "first", "special", "entropy", "focus")  # what a cross map has as well


@dataclass(frozen=True)
class RankedHead:
    """One head and its number: a share from 0 to 1, bits (entropy, focus) or places (reach).

    >>> RankedHead(3, 1, 0.5).place
    (3, 1)
    """

    layer: int
    head: int
    value: float

    @property
    def place(self) -> tuple[int, int]:
        """Its (layer, head)."""
        return self.layer, self.head


def ranked(trace: Trace, by: str = "previous", *, rule: Rule | None = None) -> tuple[RankedHead, ...]:
    """Which heads do this most? Every head with its number, the largest first (of "focus" the smallest).

    A number is a mean over the tokens of the text whose rows hold any weight. Shares of a row's weight: previous, next,
    itself; same_word (the other tokens of its word, `Axis.grouped`); same_token (other places with the same label);
    induction (what followed the same token earlier: "prefix matching", Olsson et al. 2022); punctuation; first (the
    first place, whatever stands there: the sink of causal models, Xiao et al. 2023); special (places that are none of
    the text); left, right (the text before and after). Tokens without any such place are left out of the mean. entropy
    and focus: bits, the most and the least spread out first. reach: how many places
    away its weight lies. In a map between two texts only `BETWEEN_TEXTS` have a meaning. A head without a number is
    left out. Raises `ArgumentError` for another name.

    >>> from attnviz.axes import Items
    >>> from attnviz.core.attention import Observed
    >>> two = torch.tensor([[[1.0, 0.0], [0.9, 0.1]], [[0.5, 0.5], [0.2, 0.8]]])
    >>> axis = Items(("tea", "cup"))
    >>> [(head.place, round(head.value, 3)) for head in ranked(Trace(axis, axis, (Observed.of(two),)), "previous")]
    [((0, 0), 0.9), ((0, 1), 0.2)]
    """
    if by not in ORDERS:
        raise ArgumentError("argument_order", got=shown(by), orders=", ".join(ORDERS))
    if trace.crossed and by not in BETWEEN_TEXTS:
        return ()
    found = [
        RankedHead(layer, head, value)
        for layer, numbers in numbers_of(trace, [by], rule=rule)
        for head, value in enumerate(numbers[by].nanmean(-1).tolist())
        if not math.isnan(value)
    ]
    sign = 1 if by == "focus" else -1
    return tuple(sorted(found, key=lambda one: sign * one.value))


def numbers_of(
    trace: Trace, names: Sequence[str], *, rule: Rule | None = None, sinks: bool = True
) -> Iterator[tuple[int, dict[str, Float[Tensor, "head query"]]]]:
    """What are these numbers (of `ORDERS`) of every single token, in each layer that has weights? By their names.

    Each `[head, query]`, NaN where it does not count: a special token, a row without weight, a token with no such
    place. Without `sinks` weight on special tokens and on the first place is taken out first and the rest scaled to sum
    to 1.
    """
    measures, asked = _measures(trace, names), ~torch.tensor(trace.special)
    gone = torch.zeros(len(trace.keys), dtype=torch.bool)
    if not sinks:
        gone |= torch.tensor(trace.key_special)
        gone[0] = True
    for layer in trace.open_layers:
        rows = normalised(trace.weights(layer, rule=rule).masked_fill(gone, 0.0))
        uncounted = ~((rows.sum(-1) > 0) & (asked if asked.any() else True))
        yield layer, {name: measure(rows).masked_fill(uncounted, torch.nan) for name, measure in measures.items()}


def _measures(
    trace: Trace, names: Sequence[str]
) -> dict[str, Callable[[Float[Tensor, "head query key"]], Float[Tensor, "head query"]]]:
    """What gives each row its numbers, NaN where it has none."""
    place = torch.arange(len(trace.keys), dtype=torch.float64)
    far = {
        "entropy": entropy, "focus": entropy,
        "reach": lambda rows: (rows * (place[None, :] - place[:, None]).abs()).sum(-1),
    }  # fmt: skip
    habits = _habits(trace) if set(names) & set(TEXT_HABITS) else {}
    return {
        name: far[name] if name in far else _share(habits[name] if name in habits else _wanted(trace, name))
        for name in names
    }


def _share(
    wanted: Bool[Tensor, "query key"],
) -> Callable[[Float[Tensor, "head query key"]], Float[Tensor, "head query"]]:
    """The share of a row's weight on some keys."""
    return lambda rows: (rows * wanted).sum(-1).masked_fill(~wanted.any(-1), torch.nan)


def _habits(trace: Trace) -> dict[str, Bool[Tensor, "query key"]]:
    """Which keys each habit of a text means, for every query."""
    found = targets(trace, trace.queries.grouped("word").of)
    return {name: found[HABITS.index(name)] for name in TEXT_HABITS}


def _wanted(trace: Trace, by: str) -> Bool[Tensor, "query key"]:
    """Which keys does a share mean, for every query?"""
    shape, special = (len(trace.queries), len(trace.keys)), torch.tensor(trace.key_special)
    down, across = torch.arange(shape[0])[:, None], torch.arange(shape[1])[None, :]
    if by == "special":
        return special.expand(shape)
    if by == "first":
        return (across == 0) & (trace.crossed | (down > 0))
    if by == "same_token":
        return _alike(trace.tokens, trace.key_tokens) & ~special & (trace.crossed | (down != across))
    if by == "induction":
        return _alike(trace.tokens, [None, *trace.tokens[:-1]]).tril(-1) & ~special
    return ~special & (across < down if by == "left" else across > down)


def _alike(tokens: Sequence[str], others: Sequence[str | None]) -> Bool[Tensor, "query key"]:
    """Which have the same label?"""
    codes: dict[str | None, int] = {}
    one, other = (torch.tensor([codes.setdefault(label, len(codes)) for label in side]) for side in (tokens, others))
    return one[:, None] == other[None, :]


@dataclass(frozen=True)
class Look:
    """One token of a text looking at another: the head in which it does, and its weight.

    >>> Look(3, 2, 4, 5, 0.98).place
    (3, 2)
    """

    layer: int
    head: int
    query: int
    key: int
    weight: float

    @property
    def place(self) -> tuple[int, int]:
        """Its (layer, head)."""
        return self.layer, self.head


def looks(trace: Trace, query: int) -> Float[Tensor, "layer head key"]:
    """How much does a token look at each other token of the text, in every head?

    0 for itself, for [CLS] and its like, and in layers and heads that are not there.
    """
    found = torch.zeros(trace.n_layers, trace.n_heads, len(trace.keys))
    for layer in trace.open_layers:
        row = _others(trace, layer, torch.tensor([query]))[:, 0]
        found[layer, : len(row)] = row
    return found


def clearest_look(trace: Trace, query: int | None = None) -> Look | None:
    """In which head does a token give another its largest weight? Of all tokens of the text where none is named.

    The token itself, [CLS] and its like do not count. None where there is no other token to look at.
    """
    asking = [at for at, special in enumerate(trace.special) if not special] if query is None else [query]
    if not asking or not trace.open_layers:
        return None
    mine = torch.tensor(asking)
    seen = [_others(trace, layer, mine).transpose(0, 1).flatten(1).max(-1) for layer in trace.open_layers]
    tops = torch.stack([top.values for top in seen], 1)  # [query, layer]
    one, at = divmod(int(tops.argmax()), len(seen))
    weight = float(tops[one, at])
    head, key = divmod(int(seen[at].indices[one]), len(trace.keys))
    return Look(trace.open_layers[at], head, asking[one], key, weight) if weight > 0 else None


def _others(trace: Trace, layer: int, queries: Tensor) -> Float[Tensor, "head query key"]:
    """The weights of some tokens of a text, 0 for themselves and for [CLS] and its like."""
    found = trace.weights(layer)[:, queries]
    found[..., torch.tensor(trace.key_special)] = 0.0
    found[:, torch.arange(len(queries)), queries] = 0.0
    return found
