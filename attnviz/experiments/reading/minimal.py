"""Does a model prefer the right one of two sentences that differ in a word, and without which head less so?"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.given import check_functions
from attnviz.core.interventions import Intervention, RemoveHeads
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, ModelError, Stopped
from attnviz.experiments.reading.marks import Minimal
from attnviz.guard import own, sentences
from attnviz.models.load import Model
from attnviz.recording.batches import record_batch
from attnviz.text.characters import Span
from attnviz.text.tokens import Encoded, encode
from attnviz.threads import cached_property
from attnviz.trace import Trace

TOGETHER = 16  # runs that go through the model at once
SURE = 3.0  # standard errors: many heads are tried at once
LEVEL = 1.959964  # of a normal distribution: 95 %
Head = tuple[int, int]
_Key = tuple[tuple[int, ...], int | None]  # the ids, that of the blank left out, and the blank


@dataclass(frozen=True)
class Preferred:
    """By how many bits is the right one of each pair the likelier? `margins` `[pair]`, NaN where it cannot be judged.

    A model that writes on is asked for the probability of either sentence; one that fills blanks for that of the tokens
    that differ, each blanked in turn (pseudo-log-likelihood, Salazar et al. 2020). Equal is not right.
    """

    margins: Float[Tensor, " pair"]

    @property
    def judged(self) -> int:
        """How many pairs count."""
        return int(self.margins.isfinite().sum())

    @property
    def right(self) -> int:
        """In how many is the right one the likelier?"""
        return int((self.margins > 0).sum())

    @property
    def share(self) -> float:
        """That as a share."""
        return self.right / self.judged if self.judged else math.nan


@dataclass(frozen=True)
class WithoutHeads:
    """The margins `[layer, head, pair]` without each head; NaN for heads that are not there. `before` with all."""

    before: Preferred
    margins: Float[Tensor, "layer head pair"]

    @cached_property
    def heads(self) -> list[Head]:
        """(layer, head) of every head that was removed, the one whose loss lowers the margin most first."""
        places = [(layer, head) for layer, head in self.margins.isfinite().any(-1).nonzero().tolist()]
        return sorted(places, key=lambda place: self.change(*place)[0])

    def without(self, layer: int, head: int) -> Preferred:
        """What is preferred without this head."""
        return Preferred(self.margins[layer, head])

    def change(self, layer: int, head: int) -> tuple[float, float]:
        """By how many bits the margin changes without this head, the mean over the pairs, and its standard error."""
        moved = self.margins[layer, head] - self.before.margins
        moved = moved[moved.isfinite()]
        return float(moved.mean()), float(moved.std()) / math.sqrt(len(moved)) if len(moved) > 1 else math.nan

    def lowers(self, layer: int, head: int) -> bool:
        """Does the margin fall by more than three standard errors without it?"""
        mean, error = self.change(layer, head)
        return mean < -SURE * error


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's interval of a share, 95 % (Wilson 1927).

    >>> [round(end, 3) for end in interval(5, 10)]
    [0.237, 0.763]
    """
    if not count:
        return 0.0, 1.0
    share, square = right / count, LEVEL**2 / count
    centre = (share + square / 2) / (1 + square)
    reach = LEVEL * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return centre - reach, centre + reach


@sentences
def preferred(model: Model, pairs: Sequence[Minimal], *, rule: Rule | None = None) -> Preferred:
    """By how many bits does `model` prefer the right one of each pair?

    A pair of which the model reads only the beginning cannot be judged. Raises what `record` raises, `ModelError` for a
    model that predicts no token of a text, `ArgumentError` where no pair can be judged.

    >>> import attnviz as av
    >>> from attnviz.experiments.reading.marks import minimal
    >>> preferred(av.load("lab-4"), [minimal("他把{书|树}还给了图书馆。")]).judged
    1
    """
    bench = _Bench(model, pairs, rule)
    return Preferred(bench.margins(()))


@sentences
def preferred_without(
    model: Model,
    pairs: Sequence[Minimal],
    *,
    rule: Rule | None = None,
    on_head: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> WithoutHeads:
    """The same without each head in turn: its output is put to zero, and everything is asked again.

    `on_head` hears how many heads are done, of how many. Raises what `preferred` raises, and `Stopped`.
    """
    check_functions(on_head=on_head, stop=stop)
    bench, report, halted = _Bench(model, pairs, rule), own(on_head), own(stop)
    before, first = Preferred(bench.margins(())), bench.first()
    found = torch.full((first.n_layers, first.n_heads, len(pairs)), math.nan, dtype=torch.float64)
    places = [(layer, head) for layer in first.open_layers for head in range(first.attention(layer).n_heads)]
    for done, (layer, head) in enumerate(places):
        if halted is not None and halted():
            raise Stopped("run_stopped")
        found[layer, head] = bench.margins([RemoveHeads((head,), layers=(layer,), part=first.part)])
        if report is not None:
            report(done + 1, len(places))
    return WithoutHeads(before, found)


@dataclass(frozen=True)
class _Run:
    """One run, which pairs may share: a text, and the token to blank in it."""

    text: Encoded
    blank: int | None


class _Bench:
    """Minimal pairs as runs: two pairs of which the blanked text is the same share one."""

    def __init__(self, model: Model, pairs: Sequence[Minimal], rule: Rule | None) -> None:
        if getattr(model, "kind", "") not in ("masked", "causal"):
            raise ModelError("grammar_no_words", model=model.name)
        self._model, self._rule, self._count = model, rule, len(pairs)
        self._runs: dict[_Key, _Run] = {}
        self._asked: dict[_Key, list[tuple[int, int, list[tuple[int, int]]]]] = defaultdict(list)  # pair, sign, wanted
        self._judged = torch.zeros(len(pairs), dtype=torch.bool)
        for number, pair in enumerate(pairs):
            self._add(number, pair)
        if not self._runs:
            raise ArgumentError("grammar_none_judged", got=len(pairs))

    def first(self) -> Trace:
        """The first run: it says which heads there are."""
        return next(self._traces(list(self._runs.values())[:1], ()))

    def _add(self, number: int, pair: Minimal) -> None:
        """The runs of one pair. Raises `TextError` where a text cannot be read."""
        model = self._model
        sides = [(1, pair.right, pair.span), (-1, pair.wrong, pair.other)]
        read = [(sign, encode(text, model.tokenizer, model.limit), span) for sign, text, span in sides]
        asked = [(sign, text, _questions(text, span, model.kind == "masked")) for sign, text, span in read]
        if any(text.cut is not None or not questions for _, text, questions in asked):
            return
        self._judged[number] = True
        for sign, text, questions in asked:
            for blank, wanted in questions:
                ids = text.ids if blank is None else (*text.ids[:blank], -1, *text.ids[blank + 1 :])
                self._runs.setdefault((ids, blank), _Run(text, blank))
                self._asked[ids, blank].append((number, sign, wanted))

    def margins(self, changes: Sequence[Intervention]) -> Float[Tensor, " pair"]:
        """How much likelier the right one of each pair is, in bits."""
        found = torch.zeros(self._count, dtype=torch.float64)
        for key, trace in zip(self._runs, self._traces(list(self._runs.values()), changes), strict=True):
            if trace.logits is None:
                raise ModelError("grammar_no_words", model=self._model.name)
            for number, sign, wanted in self._asked[key]:
                rows = trace.logits[[row for row, _ in wanted]].double().log_softmax(-1)
                told = rows.gather(1, torch.tensor([[token] for _, token in wanted]))
                found[number] += sign * float(told.sum()) / math.log(2)
        return found.masked_fill(~self._judged, math.nan)

    def _traces(self, runs: Sequence[_Run], changes: Sequence[Intervention]) -> Iterator[Trace]:
        """The traces of the runs, some at a time."""
        for start in range(0, len(runs), TOGETHER):
            some = runs[start : start + TOGETHER]
            texts, blanks = [one.text.text for one in some], [one.blank for one in some]
            yield from record_batch(self._model, texts, rule=self._rule, blanks=blanks, interventions=changes)


def _questions(text: Encoded, span: Span, masked: bool) -> list[tuple[int | None, list[tuple[int, int]]]]:
    """(the token to blank, [(row, token) whose probability is asked for]) for each run of a sentence.

    A model that writes on needs one, for all its tokens after the first.
    """
    if not masked:
        rows = [(place - 1, token) for place, token in enumerate(text.ids) if place]
        return [(None, rows)] if rows else []
    return [(place, [(place, text.ids[place])]) for place in text.holding(span)]


def as_csv(pairs: Sequence[Minimal], found: Preferred, gone: WithoutHeads | None = None) -> str:
    """A pair a line: both sentences, by how many bits the right one is the likelier, and the same without each head."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = sorted(gone.heads) if gone else []
    writer.writerow(["right", "wrong", "bits", *(f"without {layer}.{head}" for layer, head in heads)])
    for number, pair in enumerate(pairs):
        values = [found.margins[number], *(gone.margins[at][number] for at in heads if gone)]
        writer.writerow([pair.right, pair.wrong, *(f"{float(value):.6g}" for value in values)])
    return out.getvalue()
