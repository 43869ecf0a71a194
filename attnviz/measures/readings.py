"""Which head reads a text which way? Weight inside the pairs that only one of two readings joins, against chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.axes import Characters
from attnviz.core.rules import Rule
from attnviz.errors import TextError
from attnviz.measures.entropy import normalised
from attnviz.measures.held import spans_of, spelled
from attnviz.text.segmentation import Reading, same_text
from attnviz.trace import Trace

DRAWS, SEED = 1_000, 11
REST = 0.5  # a head that gives more than this share of its weight to [CLS], [SEP] and their like rests there
LEAST_SHARE = 0.05  # so does one that leaves the text's other tokens less than that
BAND = (0.025, 0.975)
Units = Sequence[int | None]
Place = tuple[int, int]  # a layer and a head
Verdict = Literal["first", "second", "unclear", "resting"]


@dataclass(frozen=True)
class Lean:
    """How every head of a run leans between two readings: bits, positive towards the first. All `[layer, head]`.

    `low` and `high` bound 95 % of what the same weights give when every query's keys are shuffled. `share` (0 to 1) is
    how much of the weight runs to other tokens of the text at all, `special` how much to special tokens; the rest is on
    the query itself, and the bits say nothing of either.

    Whoever says what a head does, in words, numbers or colours, takes it from `verdict`, `readers` and `strongest`.
    """

    first: Reading
    second: Reading
    bits: Float[Tensor, "layer head"]
    low: Float[Tensor, "layer head"]
    high: Float[Tensor, "layer head"]
    share: Float[Tensor, "layer head"]
    special: Float[Tensor, "layer head"]

    @property
    def resting(self) -> Bool[Tensor, "layer head"]:
        """Which heads do not read the text, most of their weight being on special tokens (or all on the query)?"""
        return (self.special > REST) | (self.share < LEAST_SHARE)

    @property
    def clear(self) -> Bool[Tensor, "layer head"]:
        """Which heads that read the text lean more than their shuffled weights do in 95 of 100 draws?"""
        return self._clearly(0) | self._clearly(1)

    def _clearly(self, side: int) -> Bool[Tensor, "layer head"]:
        """Which heads hold the first (0) or second (1) reading clearly?"""
        towards, edge = (self.bits, self.high) if side == 0 else (-self.bits, -self.low)
        return (towards > edge.clamp_min(0)) & ~self.resting

    def verdict(self, layer: int, head: int) -> Verdict:
        """What does this head do with the two readings?"""
        if self.resting[layer, head]:
            return "resting"
        sides: tuple[Verdict, Verdict] = ("first", "second")
        return next((name for side, name in enumerate(sides) if self._clearly(side)[layer, head]), "unclear")

    def verdicts(self) -> list[list[Verdict]]:
        """Of every head, `[layer][head]`."""
        layers, heads = self.bits.shape
        return [[self.verdict(layer, head) for head in range(heads)] for layer in range(layers)]

    def of(self, verdict: Verdict) -> list[Place]:
        """The heads of one verdict, those that lean most first."""
        layers, heads = self.bits.shape
        places = [(layer, head) for layer in range(layers) for head in range(heads)]
        found = [place for place in places if self.verdict(*place) == verdict]
        return sorted(found, key=lambda place: -abs(float(self.bits[place])))

    def readers(self, side: int) -> list[Place]:
        """The heads that hold the first (0) or the second (1) reading clearly, the strongest first."""
        return self.of("first" if side == 0 else "second")

    def strongest(self, side: int) -> Place:
        """The head that holds the first (0) or the second (1) reading best: of the clear ones the one that leans most.

        Where none is clear, of all that do not rest the one that leans most that way (or least the other); of all
        heads, where all rest.
        """
        clear, bits = self._clearly(side), self.bits if side == 0 else -self.bits
        asked = clear if clear.any() else ~self.resting if not self.resting.all() else torch.ones_like(self.resting)
        layer, head = divmod(int(bits.masked_fill(~asked, -torch.inf).argmax()), bits.shape[1])
        return layer, head


def units_of(trace: Trace, reading: Reading) -> list[int | None]:
    """Which unit of the reading is each token in? Numbers from 0, `[token]`; None for special tokens and for none.

    A token belongs to the unit that it shares most characters with, so byte pieces of one character share its unit.
    Raises `TextError` when the run read another text.
    """
    if reading.text != trace.text:
        raise TextError("reading_not_of", reading=str(reading), text=trace.text)
    return [None if span is None else _unit(span, reading) for span in spans_of(trace)]


def _unit(span: Characters, reading: Reading) -> int | None:
    """The unit that shares most characters with a span; the first of equals."""
    shared = [min(span[1], end) - max(span[0], start) for start, end in reading.units]
    return None if not shared or max(shared) <= 0 else shared.index(max(shared))


def only(first: Units, second: Units) -> Bool[Tensor, "query key"]:
    """The pairs of different tokens that the first reading joins and the second does not."""
    ours, theirs = _joined(first), _joined(second)
    return ours & ~theirs


def _joined(units: Units) -> Bool[Tensor, "query key"]:
    """Which pairs of tokens stand in one unit? A token is not its own pair."""
    number = torch.tensor([-1 if unit is None else unit for unit in units])
    same = (number[:, None] == number[None, :]) & (number[None, :] >= 0)
    return same & ~torch.eye(len(number), dtype=torch.bool)


def reading_bits(
    weights: Float[Tensor, "*draw query key"],
    first: Bool[Tensor, "query key"],
    second: Bool[Tensor, "query key"],
    able: Bool[Tensor, "query key"],
) -> Float[Tensor, "*draw"]:
    """How much more of the weight runs inside `first` than inside `second`, against chance? Bits.

    log2((1 + m1/u1) / (1 + m2/u2)): m the share of the weight in those pairs, u the share that even weights would
    have there, both the mean over the queries that have such a pair. Keys that are not `able` (special tokens, the
    query itself, what the model may not see) are left out and each row is scaled to sum to 1; an empty row counts as
    even.
    0: even weights, or as much above chance in both; log2(1 + 1/u1) at most, when all weight is inside `first`;
    swapping the two turns the sign. A reading that joins no pair of its own counts as at chance. 0 where neither does.
    """
    first, second = first & able, second & able
    asked = (first | second).any(-1)
    if not asked.any():
        return torch.zeros(weights.shape[:-2], dtype=torch.float64)
    rows, even = _shares(weights[..., asked, :], able[asked])
    lifts = [_lift((rows * pairs).sum((-2, -1)), (even * pairs).sum()) for pairs in (first[asked], second[asked])]
    return lifts[0].log2() - lifts[1].log2()


def _shares(weights: Tensor, able: Tensor) -> tuple[Tensor, Tensor]:
    """Rows over the able keys that sum to 1, and rows of even weight; float64."""
    even = able.double() / able.sum(-1, keepdim=True).clamp_min(1)
    rows = normalised(weights.masked_fill(~able, 0))
    return torch.where(rows.sum(-1, keepdim=True) > 0, rows, even), even


def _lift(mass: Tensor, chance: Tensor) -> Tensor:
    """1 + how many times more weight than by chance is inside some pairs; 2 where there are no pairs."""
    return 1 + (mass / chance if chance > 0 else torch.ones_like(mass))


def shuffled_bits(
    weights: Float[Tensor, "head query key"],
    first: Bool[Tensor, "query key"],
    second: Bool[Tensor, "query key"],
    able: Bool[Tensor, "query key"],
    draws: int = DRAWS,
    seed: int = SEED,
) -> Float[Tensor, "head draw"]:
    """`reading_bits` after shuffling each query's weights among its able keys, `draws` times, alike for all heads."""
    asked = ((first | second) & able).any(-1)
    if not asked.any():
        return torch.zeros(len(weights), draws, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    seen, places = able[asked], torch.arange(able.shape[-1])
    chance = torch.rand(draws, *seen.shape, generator=generator) + (~seen) * 2.0
    order = chance.argsort(-1)  # the able keys of each query first, in any order
    back = (places + (~seen) * len(places)).argsort(-1)  # where those keys stand in the text
    target = torch.empty_like(order).scatter_(-1, back.expand_as(order), order)  # [draw, query, key] -> another key
    rows, even = _shares(weights[:, asked], seen)
    found = []
    for pairs in (first & able, second & able):
        moved = pairs[asked].expand_as(target).gather(-1, target).double()  # moving the pairs instead of the weights
        found.append(_lift(torch.einsum("hqk,dqk->hd", rows, moved), (even * pairs[asked]).sum()))
    return found[0].log2() - found[1].log2()


def lean(
    trace: Trace, first: Reading, second: Reading, rule: Rule | None = None, draws: int = DRAWS,
    layers: Sequence[int] | None = None,
) -> Lean:  # fmt: skip
    """Which head reads the text which way? See `reading_bits`; bands from `draws` shuffles; all layers unless said.

    Works for every run whose tokens have character spans, causal ones included (keys ahead are not able). Raises
    `TextError` when the readings are not two readings of the run's text.
    """
    same_text(first, second)
    ones, others = units_of(trace, first), units_of(trace, second)
    a, b = only(ones, others), only(others, ones)
    text = ~torch.tensor(trace.special)
    apart = text & ~torch.eye(len(text), dtype=torch.bool)
    found = []
    for layer in range(trace.n_layers) if layers is None else layers:
        weights = trace.weights(layer, rule=rule)
        able = apart & (trace.scores(layer) > -torch.inf).any(0)
        band = shuffled_bits(weights, a, b, able, draws).quantile(torch.tensor(BAND, dtype=torch.float64), dim=1)
        kept = weights.double().masked_fill(~able, 0).sum(-1)[:, text].mean(-1)
        rest = weights.double()[..., ~text].sum(-1)[:, text].mean(-1)
        found.append(torch.stack([reading_bits(weights, a, b, able), *band, kept, rest]))
    return Lean(first, second, *torch.stack(found, dim=1))


def held_words(trace: Trace, found: Lean, side: int, place: Place) -> tuple[str, ...]:
    """Which words of the first (0) or second (1) reading does this head join, as its weights are read off?

    Words that are units of that reading and not of the other, or that hold a pair which that reading alone joins
    (市长 in 南京市长, where the other has 南京市).
    """
    ours, theirs = (found.first, found.second) if side == 0 else (found.second, found.first)
    pairs = only(units_of(trace, ours), units_of(trace, theirs))
    own, told = set(ours.units) - set(theirs.units), []
    read = spelled(trace, *place)
    for number, group in enumerate(_of_unit(units_of(trace, read), len(read.units))):
        unit = read.units[number]
        if len(group) > 1 and (unit in own or bool(pairs[group][:, group].any())):
            told.append(trace.text[slice(*unit)])
    return tuple(told)


def _of_unit(units: Units, count: int) -> list[list[int]]:
    """The tokens of every unit by its number."""
    return [[place for place, unit in enumerate(units) if unit == number] for number in range(count)]


def by_unit(weights: Float[Tensor, "*head query key"], units: Units) -> Float[Tensor, "*head unit unit"]:
    """The same weights by unit: summed over a unit's keys, averaged over its queries, so that rows keep their sum.

    Tokens in no unit (special tokens) stay units of their own. Clark et al. 2019, sec. 4.
    """
    places = unit_places(units)
    rows = torch.stack([weights[..., place, :].mean(-2) for place in places], dim=-2)
    return torch.stack([rows[..., place].sum(-1) for place in places], dim=-1)


def unit_places(units: Units) -> list[list[int]]:
    """The tokens of each unit, in the order of their first; a token in no unit alone."""
    places: dict[object, list[int]] = {}
    for place, unit in enumerate(units):
        places.setdefault(("alone", place) if unit is None else unit, []).append(place)
    return list(places.values())


def opinion(trace: Trace, reading: Reading) -> float | None:
    """How probable does the word-boundary head find this cut? The product over all tokens after the first of a unit's
    beginning or inside, taken as independent; None for a model without such a head.
    """
    if trace.boundaries is None:
        return None
    units, chance, before = units_of(trace, reading), 1.0, None
    for unit, begins in zip(units, trace.boundaries.double().tolist(), strict=True):
        if unit is None:
            continue
        if before is not None:
            chance *= 1 - begins if unit == before else begins
        before = unit
    return chance
