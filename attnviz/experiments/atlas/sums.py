"""What does every head do, over many texts? Sums a head, and how many tokens stand behind each."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.given import check_functions
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, AttnvizError, Stopped, TextError
from attnviz.experiments.atlas.copiers import Copying
from attnviz.experiments.atlas.effects import Effects
from attnviz.guard import own, sentences
from attnviz.measures.habits import TEXT_HABITS
from attnviz.measures.heads import ORDERS, numbers_of
from attnviz.models.load import Model
from attnviz.recording.batches import record_batch
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

TOGETHER = 32  # texts that go through the model at once
MEASURES = tuple(name for name in ORDERS if name != "focus")  # which is entropy, the least first
NAMES = (*TEXT_HABITS, "same_token", "induction")
SINKS = ("special", "first")
NAMED = 0.5  # a head is named when at least so much of its weight, sinks taken out, goes to one kind of place
RESTS = 0.9  # it rests on a sink when at least so much of all its weight lies there
ROWS = 20  # tokens that must stand behind a name


@dataclass(frozen=True)
class Tally:
    """The sum of a number over tokens and how many they are, both `[layer, head]` in float64."""

    total: Float[Tensor, "layer head"]
    count: Float[Tensor, "layer head"]

    @property
    def mean(self) -> Float[Tensor, "layer head"]:
        """Over the tokens; NaN where there is none, and in layers without attention."""
        return self.total / self.count

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.total + other.total, self.count + other.count)


@dataclass(frozen=True)
class HeadName:
    """What a head does, one of `NAMES` or of `SINKS`, and the share (0 to 1) that says so."""

    name: str
    share: float


@dataclass(frozen=True)
class Spread:
    """Heads laid out by the two directions in which they differ most (principal components).

    `points` is `[head, 2]` in the order of `Atlas.places`, `explained` the share of the differences that each
    direction holds, `pulls` `[measure, 2]` how far a measure goes that way, in the order of `measures`.
    """

    points: Float[Tensor, "head 2"]
    explained: tuple[float, float]
    pulls: Float[Tensor, "measure 2"]
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Atlas:
    """What the heads of `model` do, over `texts` texts of together `tokens` tokens; `left_out` could not be read.

    `all` has each of `MEASURES` over all weight, `bare` each of `NAMES` with special tokens and the first place taken
    out. Two of one model add up to that of all their texts.

    >>> import attnviz as av
    >>> found = av.atlas(av.load("lab-4"), ["南京市长江大桥", "the cat sat on the mat"])
    >>> found.texts, tuple(found["previous"].shape), len(found.places)
    (2, (4, 4), 16)
    """

    model: str
    all: Mapping[str, Tally]
    bare: Mapping[str, Tally]
    texts: int
    tokens: int
    left_out: int = 0

    def __getitem__(self, measure: str) -> Float[Tensor, "layer head"]:
        """The mean of one of `MEASURES`, `[layer, head]`: shares 0 to 1, entropy in bits, reach in tokens."""
        if measure not in self.all:
            raise ArgumentError("argument_order", got=repr(measure), orders=", ".join(self.all))
        return self.all[measure].mean

    def __add__(self, other: Atlas) -> Atlas:
        return Atlas(
            self.model, _added(self.all, other.all), _added(self.bare, other.bare), self.texts + other.texts,
            self.tokens + other.tokens, self.left_out + other.left_out,
        )  # fmt: skip

    @property
    def places(self) -> list[tuple[int, int]]:
        """(layer, head) of every head that was seen, in their order."""
        seen = [tally.count > 0 for tally in self.all.values()]
        return [(layer, head) for layer, head in torch.stack(seen).any(0).nonzero().tolist()] if seen else []

    def name(self, layer: int, head: int, least: float = NAMED) -> HeadName | None:
        """What does it do? None where nothing reaches `least` of its weight, sinks taken out.

        A head with `RESTS` of its weight on special tokens, or on the first place, is named by that: the rest of it
        moves next to nothing. A name needs `ROWS` tokens behind it.
        """
        for sink in (sink for sink in SINKS if sink in self.all):
            share = float(self.all[sink].mean[layer, head])
            if share >= RESTS:
                return HeadName(sink, share)
        known = [
            HeadName(name, float(tally.mean[layer, head]))
            for name, tally in self.bare.items()
            if tally.count[layer, head] >= ROWS
        ]
        best = max(known, key=lambda one: one.share, default=None)
        return best if best is not None and best.share >= least else None

    def spread(self) -> Spread:
        """The heads by the two principal components of their measures, each measure scaled to one deviation.

        Measures that no head or only some have, and those in which all heads are alike, are left out.
        """
        at = tuple(torch.tensor(self.places).T) if self.places else ()
        columns = {name: tally.mean[at] for name, tally in self.all.items()} if at else {}
        kept = {name: one for name, one in columns.items() if one.isfinite().all() and float(one.std(correction=0)) > 0}
        if len(self.places) < 3 or len(kept) < 2:
            raise ArgumentError("atlas_few", heads=len(self.places), measures=len(kept))
        table = torch.stack([(one - one.mean()) / one.std(correction=0) for one in kept.values()], 1)
        left, sizes, right = torch.linalg.svd(table, full_matrices=False)
        signs = torch.where(right[:2].sum(1) < 0, -1.0, 1.0)  # either is right; so it is the same each time
        explained = (sizes**2 / (sizes**2).sum())[:2].tolist()
        return Spread(left[:, :2] * sizes[:2] * signs, tuple(explained), right[:2].T * signs, tuple(kept))

    def csv(self, effects: Effects | None = None, copying: Copying | None = None) -> str:
        """A line a head: layer, head, its name and share, every measure and how many tokens stand behind it.

        With `effects` what is lost without it, too, and the standard error; with `copying` how far it copies, empty
        where that is not known.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        more = {name: made for name, made in (("effect", effects), ("copying", copying)) if made is not None}
        names = [column for name in more for column in (name, f"{name}_error")]
        columns = [column for one in self.all for column in (one, f"{one}_tokens")]
        writer.writerow(["layer", "head", "name", "share", *columns, *names])
        for at in self.places:
            name = self.name(*at)
            called = ["", ""] if name is None else [name.name, _number(name.share)]
            cells = [c for one in self.all.values() for c in (_number(one.mean[at]), str(int(one.count[at])))]
            cells += [_number(one[at]) for made in more.values() for one in (made.mean, made.error)]
            writer.writerow([*at, *called, *cells])
        return out.getvalue()


def _added(mine: Mapping[str, Tally], theirs: Mapping[str, Tally]) -> dict[str, Tally]:
    return {name: tally + theirs[name] for name, tally in mine.items()}


def _number(value: Tensor | float) -> str:
    return "" if math.isnan(value) else f"{float(value):.6g}"


@sentences
def atlas(
    model: Model,
    texts: Iterable[str],
    *,
    rule: Rule | None = None,
    on_text: Callable[[int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Atlas:
    """What does every head of `model` do over these texts? Each token counts alike, of an encoder-decoder the source's.

    Texts are read 32 at a time and nothing of them is kept but sums, so that they may be any number. A text that the
    model cannot read is counted in `left_out`. `on_text` hears how many are done.

    Raises `Stopped`, and where no text could be read what `record` raises for the first.
    """
    check_functions(on_text=on_text, stop=stop)
    report, halted = own(on_text), own(stop)
    found: Atlas | None = None
    refused: AttnvizError | None = None
    done = left_out = 0
    for some in _groups(texts):
        if halted is not None and halted():
            raise Stopped("run_stopped")
        for trace in traces_of(model, some, rule):
            if isinstance(trace, AttnvizError):
                refused = refused or trace
                left_out += 1
            else:
                one = of_trace(trace, rule)
                found = one if found is None else found + one
        done += len(some)
        if report is not None:
            report(done)
    if found is None:
        raise refused or TextError("text_empty")
    return replace(found, left_out=left_out)


def _groups(texts: Iterable[str]) -> Iterator[list[str]]:
    """Some at a time."""
    left = iter(texts)
    return iter(lambda: list(islice(left, TOGETHER)), [])


def traces_of(model: Model, texts: Sequence[str | Encoded], rule: Rule | None = None) -> Iterator[Trace | AttnvizError]:
    """Each text's trace, or why it has none: where one of them is refused, each is read by itself."""
    try:
        found = record_batch(model, texts, rule=rule, predictions=False)
    except AttnvizError as refused:
        if len(texts) == 1:
            yield refused
            return
        for text in texts:
            yield from traces_of(model, [text], rule)
        return
    for trace in found:
        yield trace.text_map


def of_trace(trace: Trace, rule: Rule | None = None) -> Atlas:
    """The sums of one run."""
    every, bare = tallies(trace, MEASURES, rule), tallies(trace, NAMES, rule, sinks=False)
    return Atlas(trace.model, every, bare, 1, sum(not one for one in trace.special))


def tallies(trace: Trace, names: Sequence[str], rule: Rule | None, *, sinks: bool = True) -> dict[str, Tally]:
    """Some numbers, each summed over the tokens for which it counts."""
    size = trace.n_layers, trace.n_heads
    found = {name: Tally(*(torch.zeros(size, dtype=torch.float64) for _ in range(2))) for name in names}
    for layer, numbers in numbers_of(trace, names, rule=rule, sinks=sinks):
        for name, values in numbers.items():
            found[name].total[layer, : len(values)] = values.nansum(-1)
            found[name].count[layer, : len(values)] = values.isfinite().sum(-1).double()
    return found
