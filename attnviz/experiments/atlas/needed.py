"""How many heads does a model need? They are taken away one after the other, and the loss is read at every count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.given import check_functions
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, ModelError, shown
from attnviz.experiments.atlas.effects import Bench, Head, Run, bits, runs_of
from attnviz.guard import one_by_one, own, sentences
from attnviz.models.load import Model
from attnviz.recording.gradients import Outcome, differentiable

By = Literal["gates", "alone", "greedy"]
ORDERS = ("gates", "alone", "greedy")


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
    runs = one_by_one(runs_of(model, texts), None, own(stop))
    return torch.stack([_slopes(model, run, rule) for run in runs]).mean(0)


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
    bench = Bench(model, texts, rule, own(stop))
    course = _Course(bench, own(on_head))
    if by == "greedy":
        return course.greedy()
    if by == "alone":
        return course.alone()
    slopes = gate_slopes(model, texts, rule=rule, stop=stop)
    return course.along(sorted(bench.places, key=lambda place: float(slopes[place])), by)


class _Course:
    """Heads go one after the other; every reading of all texts is told."""

    def __init__(self, bench: Bench, report: Callable[[int, int], object] | None) -> None:
        self._bench, self._report, self._done = bench, report, 0

    def _lost(self, gone: Sequence[Head], count: int) -> float:
        """What is lost without these, a mean over the runs; `count` readings there will be in all."""
        value = float(self._bench.losses(gone).mean())
        self._done += 1
        if self._report is not None:
            self._report(self._done, count)
        return value

    def along(self, order: Sequence[Head], by: str) -> Needed:
        """Without the first, the first two, ..."""
        count = self._done + len(order)
        values = [self._lost(order[: gone + 1], count) for gone in range(len(order))]
        return Needed(tuple(order), (0.0, *values), self._bench.unit, by)

    def alone(self) -> Needed:
        """Ordered by what is lost without each by itself."""
        places = self._bench.places
        lost = {place: self._lost([place], 2 * len(places)) for place in places}
        return self.along(sorted(places, key=lost.__getitem__), "alone")

    def greedy(self) -> Needed:
        """At each step without the one that is missed least then."""
        left, gone = list(self._bench.places), list[Head]()
        values: list[float] = []
        count = len(left) * (len(left) + 1) // 2
        while left:
            value, best = min((self._lost([*gone, one], count), one) for one in left)
            gone.append(best)
            left.remove(best)
            values.append(value)
        return Needed(tuple(gone), (0.0, *values), self._bench.unit, "greedy")
