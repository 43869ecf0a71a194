"""Which past steps does a forecast of one step rest on? Every way of reading, and what is forecast without a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.attention import Attention
from attnviz.core.rules import Rule, Soft
from attnviz.errors import AttnvizError, Stopped
from attnviz.experiments.reading.attributions import Attributions, chosen_ways, each_way
from attnviz.experiments.reading.gradients import STEPS, along, relevances, uppermost
from attnviz.experiments.reading.pictured import Wanted
from attnviz.experiments.reading.places import Places, by_weight
from attnviz.recording.gradients import Differentiable, Logit, Outcome, Target
from attnviz.recording.several import in_groups
from attnviz.systems.series.network import Given, Way
from attnviz.systems.series.system import System
from attnviz.systems.series.window import Window
from attnviz.threads import cached_property
from attnviz.trace import Trace

MEDIAN = 1  # among the quantiles that are forecast


@dataclass(frozen=True, eq=False)
class _Fixed(Rule):
    """Weights that are there already."""

    given: Tensor

    def weigh(self, scores: Tensor) -> Tensor:
        return self.given


@dataclass
class _Tape(Way):
    """A run of which every weight can be asked for its gradient."""

    held: dict[tuple[str, int], Tensor] = field(default_factory=dict)

    def through(self, part: str, layer: int, call: Attention) -> Attention:
        call = super().through(part, layer, call)
        weights = call.weights
        if not weights.requires_grad:
            weights = weights.detach().requires_grad_()
        self.held[part, layer] = weights
        return replace(call, rule=_Fixed(weights))


@dataclass(frozen=True, eq=False)
class _Run:
    """One window with a target: its trace, and what only some ways need, made when first asked for."""

    system: System
    window: Window
    trace: Trace
    target: Target
    at: int
    wanted: Wanted

    def outcomes(self, given: Given) -> list[Outcome]:
        """What is forecast from some windows, in the series' own unit. Raises `Stopped`."""
        if self.wanted.stop is not None and self.wanted.stop():
            raise Stopped("run_stopped")
        found, states = self.system.network(given, Way(self.trace.rule, self.wanted.changes))
        values = self.system.scale.back(found)
        return [Outcome(one, state) for one, state in zip(values, states, strict=True)]

    def given(self, windows: Sequence[Window]) -> Given:
        """What the network is given of some windows."""
        known = self.system.network.shape.beside
        each = [one.given(self.system.scale, known) for one in windows]
        names = ("values", "seen", "beside", "seasons", "coming")
        return Given(**{name: torch.cat([getattr(one, name) for one in each]) for name in names})

    @cached_property
    def value(self) -> float:
        with torch.inference_mode():
            return float(self.target(self.outcomes(self.given([self.window]))[0]))

    @cached_property
    def live(self) -> Differentiable:
        """The run once more, to be differentiated."""
        tape = _Tape(self.trace.rule, self.wanted.changes)
        with torch.inference_mode(False), torch.enable_grad():
            found, states = self.system.network(self.given([self.window]), tape)
            values = self.system.scale.back(found[0])
        layers = range(self.system.network.shape.layers)
        weights = {part: tuple(tape.held[part, layer] for layer in layers) for part in self.trace.parts}
        gates: dict[str, tuple[None, ...]] = {part: (None,) * len(layers) for part in weights}
        return Differentiable(self.trace, Outcome(values, states[0]), weights, gates, (None, None))


def _largest(run: _Run) -> Tensor:
    """The largest weight of any head of any layer, from the coming step to past ones."""
    layers = [run.trace.weights(layer)[:, run.at].amax(0) for layer in range(run.trace.n_layers)]
    return torch.stack(layers).amax(0)


def integrated(run: _Run, steps: int = STEPS) -> Float[Tensor, " past"]:
    """What does each past value bring, on the way from values that are all their mean? (Sundararajan et al. 2017)

    In the numbers that the network works on. Complete: they sum to the target less what it is when nothing ever moved.
    """
    given = run.given([run.window])
    whole = given.values[0].double()
    start = torch.where(given.seen[0], whole[given.seen[0]].mean(), whole)

    def ends(values: Tensor) -> list[Tensor]:
        spread = {name: getattr(given, name).expand(len(values), *getattr(given, name).shape[1:]) for name in REST}
        return [run.target(one) for one in run.outcomes(Given(values=values, **spread))]

    return along(start, whole, in_groups(steps), ends, steps)


REST = ("seen", "beside", "seasons", "coming")


def hidden(run: _Run, change: Callable[[Window, int], Window]) -> Float[Tensor, " past"]:
    """How much lower is the target when a past step is another: y - y without it? One run for each, 16 at once."""
    found = list[float]()
    for group in in_groups(len(run.window.values)):
        windows = [change(run.window, place) for place in group]
        with torch.inference_mode():
            found += [run.value - float(run.target(one)) for one in run.outcomes(run.given(windows))]
    return torch.tensor(found, dtype=torch.float64)


def _without(window: Window, place: int) -> Window:
    """As if the step had never been measured, which nobody may look at then."""
    alone = int((~window.values.isnan()).sum()) < 2
    return window if alone else window.without(place, place + 1)


def _at_mean(window: Window, place: int) -> Window:
    """The mean of the window in its place; a gap stays one."""
    return window if window.values[place].isnan() else window.with_value(place, float(window.values.nanmean()))


def _of_another(run: _Run) -> Tensor:
    """What another window has in its place; a gap of either stays as it is."""
    other = run.wanted.other
    if not isinstance(other, Window) or len(other.values) != len(run.window.values):
        raise AttnvizError("reading_other_window")

    def put(window: Window, place: int) -> Window:
        value = float(other.values[place])
        return window if window.values[place].isnan() or value != value else window.with_value(place, value)

    return hidden(run, put)


WAYS: Mapping[str, Callable[[_Run], Tensor]] = {
    "weights": lambda run: Places(run.trace).direct(run.at, lambda one, n: one.weights(n)[:, run.at].mean(0)),
    "largest": _largest,
    "rollout": lambda run: Places(run.trace).rolled(by_weight, run.at),
    "flow": lambda run: Places(run.trace).flowed(run.at),
    "gradient_attention": lambda run: uppermost(run.live, run.target)[run.at],
    "relevance": lambda run: relevances(run.live, run.target)[run.at],
    "integrated_gradients": integrated,
    "occluded_zero": lambda run: hidden(run, _without),
    "occluded_mean": lambda run: hidden(run, _at_mean),
    "occluded_other": _of_another,
}
# On the page, beside a yardstick; flow is nearly the same from every step, as it is from every patch of a picture.
SHOWN = tuple(way for way in WAYS if way != "flow" and not way.startswith("occluded"))


def foreseen_to_rest(system: System, text: str | Window | Any, wanted: Wanted) -> Attributions:
    """`attributions`, of a forecast: rows over the past steps. Raises what `System.read` raises."""
    chosen = chosen_ways(wanted.ways, WAYS)
    trace = system.read(text, rule=wanted.rule or Soft(), changes=wanted.changes)
    window = system.window(text) if isinstance(text, str) else text
    at = getattr(wanted.target, "position", 0) if wanted.at is None else wanted.at
    if not 0 <= at < len(trace.queries):
        raise AttnvizError("no_such_position", number=at, last=len(trace.queries) - 1)
    run = _Run(system, window, trace, wanted.target or Logit(at, MEDIAN), at, wanted)
    return _all(run, chosen)


def _all(run: _Run, ways: Sequence[str]) -> Attributions:
    """Every row over the past, or why there is none."""
    past = len(run.window.values)
    rows, missing = each_way(ways, lambda way: WAYS[way](run)[:past], run.wanted.on_way, run.wanted.stop)
    labels = tuple(run.trace.keys.labels)
    return Attributions(run.at, run.value, labels, ~run.window.values.isnan(), rows, missing, own=-1)
