"""How many heads does a model need? They are taken away one after the other, and the loss is read at every count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.given import check_functions
from attnviz.core.interventions import RemoveHeads
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, ModelError, Stopped, shown
from attnviz.experiments.atlas.effects import (
    Run,
    bits,
    head_effects,
    lost,
    places_of,
    runs_of,
    traces_of,
    unit_of,
)
from attnviz.guard import own, sentences
from attnviz.models.load import Model
from attnviz.recording.gradients import Outcome, differentiable
from attnviz.trace import Trace

By = Literal["gates", "alone", "greedy"]
ORDERS = ("gates", "alone", "greedy")
Head = tuple[int, int]


@dataclass(frozen=True)
class Needed:
    """`order` is (layer, head) in the order in which heads were taken away; `lost[k]` what is lost without the first k.

    `lost` has one entry more than `order`, the first 0; its `unit` is that of `Effects`. `by` says how it was ordered.
    """

    order: tuple[Head, ...]
    lost: tuple[float, ...]
    unit: str
    by: str

    def kept(self, count: int) -> tuple[Head, ...]:
        """The last `count` heads to go, in the order of layers and heads."""
        return tuple(sorted(self.order[len(self.order) - count :]))

    def fewest(self, most: float) -> int:
        """With how few heads, and with every larger number of them, is at most so much lost?"""
        found = len(self.order)
        for gone, value in enumerate(self.lost):
            if value > most:
                break
            found = len(self.order) - gone
        return found


@sentences
def gate_slopes(
    model: Model,
    texts: Sequence[str],
    *,
    rule: Rule | None = None,
    stop: Callable[[], bool] | None = None,
) -> Float[Tensor, "layer head"]:
    """How much does the loss follow a gate on each head? Mean of |d loss / d gate| at 1, bits a token, `[layer, head]`.

    One run forth and back a blank (or text) says it of all heads at once, and of none what its loss would really be.
    (Michel et al. 2019, eq. 2.) NaN where there is no head. Raises `ModelError` for models that predict no token.
    """
    check_functions(stop=stop)
    if model.kind not in ("masked", "causal"):
        raise ModelError("needed_no_loss", model=model.name)
    halted = own(stop)
    runs = runs_of(model, texts)
    total: Tensor | None = None
    for run in runs:
        if halted is not None and halted():
            raise Stopped("run_stopped")
        found = _slopes(model, run, rule)
        total = found if total is None else total + found
    assert total is not None
    return total / len(runs)


def _slopes(model: Model, run: Run, rule: Rule | None) -> Float[Tensor, "layer head"]:
    """Those of one run."""

    def loss(outcome: Outcome) -> Tensor:
        assert outcome.logits is not None
        return bits(run, outcome.logits)

    found = differentiable(model, run.text, rule=rule, blank=run.blank)
    gates = found.gradients(loss).gates
    table = torch.full((found.trace.n_layers, found.trace.n_heads), torch.nan, dtype=torch.float64)
    for layer, slopes in enumerate(gates):
        if slopes is not None:
            table[layer, : len(slopes)] = slopes.double().abs()
    return table


@sentences
def heads_needed(
    model: Model,
    texts: Sequence[str],
    *,
    by: By = "gates",
    rule: Rule | None = None,
    on_head: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Needed:
    """With how many heads does `model` do these texts as well? What is lost with 0, 1, 2 ... heads taken away.

    `by` says which go first: "gates", those whose gates' slope is least (`gate_slopes`); "alone", those without which
    alone least is lost (`head_effects`); "greedy", at each step the one without which least is lost then, which costs
    the square of their number in runs. (Michel et al. 2019, section 4.) What is chosen on these texts is flattered by
    them. `on_head` hears how many readings of all texts are done, of how many.

    Raises what `head_effects` and `gate_slopes` raise, `ArgumentError` for another order.

    >>> import attnviz as av
    >>> found = av.heads_needed(av.load("lab-4"), ["南京市长江大桥"])
    >>> len(found.order), len(found.lost), found.lost[0]
    (16, 17, 0.0)
    """
    if by not in ORDERS:
        raise ArgumentError("argument_order", got=shown(by), orders=", ".join(ORDERS))
    check_functions(on_head=on_head, stop=stop)
    bench = _Bench(model, texts, rule, own(on_head), own(stop))
    if by == "greedy":
        return bench.greedy()
    table = (
        gate_slopes(model, texts, rule=rule, stop=stop)
        if by == "gates"
        else head_effects(model, texts, rule=rule, stop=stop).mean
    )
    return bench.along(sorted(bench.places, key=lambda place: float(table[place])), by)


class _Bench:
    """The texts as they are read with all heads, and what is lost without some."""

    def __init__(
        self,
        model: Model,
        texts: Sequence[str],
        rule: Rule | None,
        report: Callable[[int, int], object] | None,
        halted: Callable[[], bool] | None,
    ) -> None:
        self._model, self._rule, self._report, self._halted = model, rule, report, halted
        self._runs = runs_of(model, texts)
        self._before: list[Trace] = list(traces_of(model, self._runs, rule))
        self.places = places_of(self._before[0])
        self._done = 0

    def lost(self, gone: Sequence[Head], count: int) -> float:
        """What is lost without these, a mean over the runs; `count` readings there will be in all."""
        if self._halted is not None and self._halted():
            raise Stopped("run_stopped")
        layers: dict[int, list[int]] = defaultdict(list)
        for layer, head in gone:
            layers[layer].append(head)
        part = self._before[0].part
        changes = [RemoveHeads(tuple(heads), layers=(layer,), part=part) for layer, heads in layers.items()]
        after = traces_of(self._model, self._runs, self._rule, changes)
        values = [lost(*one) for one in zip(self._runs, self._before, after, strict=True)]
        self._done += 1
        if self._report is not None:
            self._report(self._done, count)
        return sum(values) / len(values)

    def along(self, order: Sequence[Head], by: str) -> Needed:
        """Without the first, the first two, ..."""
        count = len(order)
        values = [self.lost(order[: gone + 1], count) for gone in range(count)]
        return Needed(tuple(order), (0.0, *values), unit_of(self._before[0]), by)

    def greedy(self) -> Needed:
        """At each step without the one that is missed least then."""
        left, gone = list(self.places), list[Head]()
        values: list[float] = []
        count = len(left) * (len(left) + 1) // 2
        while left:
            value, best = min((self.lost([*gone, one], count), one) for one in left)
            gone.append(best)
            left.remove(best)
            values.append(value)
        return Needed(tuple(gone), (0.0, *values), unit_of(self._before[0]), "greedy")
