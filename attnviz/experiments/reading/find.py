"""Which head looks where a relation says? A verb at its subject, a pronoun at its noun, whatever pairs one brings."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.given import check_functions
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, Stopped
from attnviz.guard import own, sentences
from attnviz.models.load import Model
from attnviz.recording.batches import record_batch
from attnviz.text.characters import Span
from attnviz.trace import Trace

TOGETHER = 32  # texts that go through the model at once
LEAST = 1e-12  # of a row's weight on the text: less is none
FAR = 16  # tokens: fixed offsets up to here are tried


@dataclass(frozen=True)
class Pair:
    """In `text`, the characters `asks` should look at the characters `looks`; both are ranges (start, end).

    >>> Pair("小猫睡了", (2, 3), (0, 2)).words
    ('睡', '小猫')
    """

    text: str
    asks: Span
    looks: Span

    @property
    def words(self) -> tuple[str, str]:
        """Who looks, and at what."""
        return self.text[slice(*self.asks)], self.text[slice(*self.looks)]


@dataclass(frozen=True)
class HeadsFound:
    """How often does each head look where the pairs say? `hits` and `weights` are `[layer, head]`, 0 to 1.

    A hit: of the text's tokens, special ones left out, the one with the most weight lies in what should be looked at;
    several tokens that ask are taken together by the mean. `weights` is the share of that weight, of what stays on the
    text. NaN for a layer without attention. `offset` is the best fixed distance in tokens, `offset_hits` what it gets;
    `chance` is what a token drawn evenly among those that may be looked at would get. `used` pairs count, `left_out`
    could not: their characters are in no token, or the model may not look there. `offsets` is what every fixed distance
    that was tried gets. What two parts of some pairs found adds up to what all of them find.
    """

    hits: Float[Tensor, "layer head"]
    weights: Float[Tensor, "layer head"]
    offset: int
    offset_hits: float
    chance: float
    used: int
    left_out: int
    offsets: Mapping[int, float] = field(default_factory=dict)

    def __add__(self, other: HeadsFound) -> HeadsFound:
        count = self.used + other.used

        def mean(own: Any, others: Any) -> Any:
            return (own * self.used + others * other.used) / count

        tried = {one: mean(self.offsets.get(one, 0.0), other.offsets.get(one, 0.0)) for one in _distances()}
        offset = _best(tried)
        return HeadsFound(
            mean(self.hits, other.hits), mean(self.weights, other.weights), offset, tried[offset],
            mean(self.chance, other.chance), count, self.left_out + other.left_out, tried,
        )  # fmt: skip

    @property
    def ranked(self) -> list[tuple[int, int]]:
        """(layer, head), the most hits first, of equals the one with more weight; none of a layer without attention."""
        places = [(layer, head) for layer, head in torch.isfinite(self.hits).nonzero().tolist()]
        return sorted(places, key=lambda at: (-float(self.hits[at]), -float(self.weights[at])))

    @property
    def best(self) -> tuple[int, int]:
        """(layer, head) of the first of `ranked`."""
        return self.ranked[0]


def _distances() -> list[int]:
    """The fixed distances that are tried."""
    return [sign * far for far in range(1, FAR + 1) for sign in (-1, 1)]


def _best(tried: Mapping[int, float]) -> int:
    """The distance that gets most, of equals the nearest, of those the one back."""
    return max(tried, key=lambda at: (tried[at], -abs(at), at < 0))


class _Looks:
    """Where the heads of one text's run look, laid out once for all its pairs."""

    def __init__(self, trace: Trace) -> None:
        self.text = trace.encoded
        text, size = ~torch.tensor(trace.key_special), len(trace.key_special)
        shape = trace.n_layers, trace.n_heads, len(trace.queries), size
        self.weights = torch.full(shape, math.nan, dtype=torch.float64)
        self.allowed = torch.zeros(shape[2:], dtype=torch.bool)
        for layer in trace.open_layers:
            found = trace.weights(layer).double() * text
            self.weights[layer, : len(found)] = found
            self.allowed |= (trace.attention(layer).scores > -math.inf).any(0) & text

    def at(self, asking: Sequence[int], sought: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Is it where a head looks most, and with which share of what stays on the text? `[layer, head]` each."""
        rows = self.weights[:, :, asking].mean(2)
        whole = rows.sum(-1)
        hits = torch.isin(rows.argmax(-1), torch.tensor(sought)) & (whole > 0)
        shares = rows[:, :, sought].sum(-1) / whole.clamp_min(LEAST)
        return torch.where(whole.isnan(), whole, hits.double()), shares


@dataclass
class _Count:
    """The sums over the pairs of one relation so far."""

    hits: Tensor | float = 0.0
    weights: Tensor | float = 0.0
    offsets: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    chance: float = 0.0
    used: int = 0
    left_out: int = 0

    def add(self, looks: _Looks, pair: Pair) -> None:
        """One more pair, where the heads look in its text."""
        asking, sought = looks.text.holding(pair.asks), looks.text.holding(pair.looks)
        allowed = looks.allowed[asking].any(0)
        right = int(allowed[sought].sum())
        if not right:
            self.left_out += 1
            return
        hits, weights = looks.at(asking, sought)
        self.hits, self.weights = self.hits + hits, self.weights + weights
        self.chance += right / int(allowed.sum())
        self.used += 1
        for distance in _distances():
            self.offsets[distance] += (asking[0] if distance < 0 else asking[-1]) + distance in sought

    def found(self) -> HeadsFound:
        """The means."""
        assert isinstance(self.hits, Tensor) and isinstance(self.weights, Tensor)
        tried = {distance: hits / self.used for distance, hits in self.offsets.items()}
        offset = _best(tried)
        return HeadsFound(
            self.hits / self.used, self.weights / self.used, offset, tried[offset], self.chance / self.used, self.used,
            self.left_out, tried,
        )  # fmt: skip


@sentences
def find_head(
    model: Model,
    pairs: Sequence[Pair | tuple[str, int | Span, int | Span]],
    *,
    rule: Rule | None = None,
    on_text: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> HeadsFound:
    """Which head looks where these pairs say, and does it do more than a fixed distance, or chance?

    A pair is a text and two places in it, each the number of a character or a range of them. (Clark et al. 2019,
    section 4.2; the fixed offset is their baseline.) The best head is flattered a little: of all it is chosen on the
    pairs that it is judged by. `on_text` hears how many texts are read, of how many.

    Raises what `record` raises, `ArgumentError` for pairs that are none or of which none can count, `Stopped`.

    >>> import attnviz as av
    >>> found = av.find_head(av.load("lab-4"), [("小猫睡了", 1, 0), ("大狗跑了", 1, 0), ("小鸟飞了", 1, 0)])
    >>> found.used, found.offset, found.offset_hits
    (3, -1, 1.0)
    """
    return find_heads(model, {"": pairs}, rule=rule, on_text=on_text, stop=stop)[""]


@sentences
def find_heads(
    model: Model,
    relations: Mapping[str, Sequence[Pair | tuple[str, int | Span, int | Span]]],
    *,
    rule: Rule | None = None,
    on_text: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> dict[str, HeadsFound]:
    """`find_head` for several relations at once, each text read once; one of which no pair counts is left out."""
    check_functions(on_text=on_text, stop=stop)
    asked: dict[str, list[tuple[str, Pair]]] = defaultdict(list)
    for name, pairs in relations.items():
        for pair in pairs:
            one = _pair(pair)
            asked[one.text].append((name, one))
    counts = {name: _Count() for name in relations}
    for text, trace in _read(model, list(asked), rule, own(on_text), own(stop)):
        looks = _Looks(trace)
        for name, pair in asked[text]:
            counts[name].add(looks, pair)
    found = {name: count.found() for name, count in counts.items() if count.used}
    if not found:
        raise ArgumentError("argument_pairs", got=sum(map(len, relations.values())))
    return found


def _pair(given: Pair | tuple[str, int | Span, int | Span]) -> Pair:
    """A pair, its places as ranges of characters. Raises `ArgumentError` for a place that the text does not have."""
    if not isinstance(given, Pair):
        text, asks, looks = given
        given = Pair(text, _span(asks), _span(looks))
    for start, end in (given.asks, given.looks):
        if not 0 <= start < end <= len(given.text):
            raise ArgumentError("argument_pair_place", start=start, end=end, characters=len(given.text))
    return given


def _span(place: int | Span) -> Span:
    return (place, place + 1) if isinstance(place, int) else (int(place[0]), int(place[1]))


def _read(
    model: Model,
    texts: Sequence[str],
    rule: Rule | None,
    on_text: Callable[[int, int], object] | None,
    stop: Callable[[], bool] | None,
) -> Iterator[tuple[str, Trace]]:
    """Each text with its trace, an encoder-decoder's with its encoder's."""
    for start in range(0, len(texts), TOGETHER):
        if stop is not None and stop():
            raise Stopped("run_stopped")
        some = texts[start : start + TOGETHER]
        for text, trace in zip(some, record_batch(model, some, rule=rule, predictions=False), strict=True):
            yield text, trace.text_map
        if on_text is not None:
            on_text(min(start + TOGETHER, len(texts)), len(texts))
