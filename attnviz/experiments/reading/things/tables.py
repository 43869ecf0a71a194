"""Which stretches of a table does a loaded model's forecast rest on? Every way of reading, and what without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.adapter.series.past import Past
from attnviz.axes import Axis, Rows
from attnviz.errors import AttnvizError, ModelError, SeriesError
from attnviz.experiments.reading.attributions import Attributions, chosen_ways, each_way
from attnviz.experiments.reading.gradients import STEPS, along, relevances, uppermost
from attnviz.experiments.reading.pictured import Wanted, flow_to
from attnviz.experiments.reading.places import Places, by_weight
from attnviz.guard import guarded
from attnviz.models.forecasting import ForecastModel
from attnviz.notices import warn
from attnviz.recording.gradients import Differentiable, Logit, Target
from attnviz.recording.record import changes_of, record
from attnviz.recording.several import Words
from attnviz.recording.things.series import halves
from attnviz.recording.things.tables import Tables
from attnviz.text.tokens import Encoded
from attnviz.threads import cached_property
from attnviz.trace import Trace

By = Literal["zero", "mean", "other"]
FIRST = "encoder 1"  # the map of the first layer, where an Informer's layers have one each


@dataclass(frozen=True, eq=False)
class _Run:
    """One table with a target: its trace, and what only some ways need, made when first asked for.

    `at` is the step to come that is asked about.
    """

    tables: Tables
    trace: Trace
    target: Target
    at: int
    other: Past | None

    @property
    def model(self) -> ForecastModel:
        return self.tables.model

    @cached_property
    def value(self) -> float:
        return self.without(self.tables.values[None], self.tables.seen[None])[0]

    def without(self, values: Tensor, seen: Tensor) -> list[float]:
        """The target from each of some tables."""
        return [float(self.target(one)) for one in self.tables.run(values, seen)]

    @property
    def asked(self) -> list[int]:
        """The columns that the target is made from; all, where a function makes it."""
        if not isinstance(self.target, Logit):
            return list(range(self.model.channels))
        against = self.target.against
        return sorted({self.target.token, *([] if against is None else [against])})

    @property
    def columns(self) -> list[int]:
        """The columns whose values a place has: of PatchTST those asked about, of others all, in one row."""
        return self.asked if self.tables.patched else list(range(self.model.channels))

    @cached_property
    def stretches(self) -> list[tuple[int, int]]:
        """Which of the rows that are read each place has; a class token has none, and is none of the places."""
        axis, first = _past(self.trace), self.tables.read.begin
        found = [axis.stands_for(place) for place in range(len(axis))]
        return [(one.start - first, one.end - first) for one in found if isinstance(one, Rows)]

    @property
    def places(self) -> Places:
        """All places of the maps that the answer is read from. Raises `ModelError` where no map has them all."""
        if halves(self.model.network.config):
            raise ModelError("reading_halved", model=self.model.name)
        if not self.tables.patched:
            return Places(self.trace)
        if len(self.asked) > 1:
            raise ModelError("reading_columns", model=self.model.name)
        own = self.trace.map(self.tables.read.names[self.asked[0]])
        return Places(replace(own, part="self", others={}))

    @property
    def followed(self) -> Places:
        """The same, to be followed from layer to layer. Raises `ModelError` where some rows of a map look nowhere."""
        places = self.places
        if self.sparse:
            raise ModelError("reading_sparse", model=self.model.name)
        return places

    @property
    def sparse(self) -> bool:
        """Is it chosen in each run which rows look at all, as in Informer's ProbSparse?"""
        return getattr(self.model.network.config, "attention_type", "") == "prob"

    @property
    def queries(self) -> list[int]:
        """The rows of the map that the answer is read from: the step's own, of patches a class token's, else all."""
        if not self.tables.patched:
            return [self.at]
        return [0] if self.model.network.config.use_cls_token else list(range(len(self.trace.queries)))

    @cached_property
    def live(self) -> Differentiable:
        """The run once more, to be differentiated."""
        places = self.places
        return self.tables.differentiated(places.trace, self.asked[0] if self.tables.patched else 0)


def _past(trace: Trace) -> Axis:
    """The axis of the past: of an Informer that halves its layers that of the first, the one with all places."""
    return trace.map(FIRST).keys if FIRST in trace.parts else trace.keys


def _weights(run: _Run) -> Tensor:
    """The mean over all heads and layers; of an Informer that halves its layers of the first, from all places alike."""
    if halves(run.model.network.config):
        return run.trace.map(FIRST).weights(0).mean((0, 1))
    queries = run.queries
    return run.places.direct(run.at, lambda one, layer: one.weights(layer)[:, queries].mean((0, 1)))


def _largest(run: _Run) -> Tensor:
    """The largest in any head of any layer, on the mean of the rows."""
    if halves(run.model.network.config):
        return run.trace.map(FIRST).weights(0).mean(1).amax(0)
    one, queries = run.places.trace, run.queries
    return torch.stack([one.weights(layer)[:, queries].mean(1).amax(0) for layer in one.open_layers]).amax(0)


def _uppermost(run: _Run) -> Tensor:
    """Gradient x attention of the last layer alone."""
    return uppermost(run.live, run.target)[run.queries].mean(0)


def _relevance(run: _Run) -> Tensor:
    """Gradient x attention through all layers."""
    assert run.followed
    return relevances(run.live, run.target)[run.queries].mean(0)


def integrated(run: _Run, steps: int = STEPS) -> Float[Tensor, " place"]:
    """What do the values of each place bring, on the way from values that are all their column's mean?

    A row's share goes in equal parts to the places that have it. Complete where every row that is read has a place:
    rows that only lags reach have none. (Sundararajan et al. 2017, eq. 1)

    Raises `ModelError` where rows are chosen that look: what a choice brings has no gradient.
    """
    if run.sparse:
        raise ModelError("reading_chosen", model=run.model.name)
    tables = run.tables
    whole, seen = tables.values, tables.seen
    start = whole.clone()
    start[:, run.columns] = torch.where(seen, filling(run, "mean"), whole)[:, run.columns]

    def ends(held: Tensor) -> list[Tensor]:
        outcomes = tables.run(held, seen.expand(len(held), *seen.shape), Words(gradients=True))
        return [run.target(one) for one in outcomes]

    brought = along(start, whole, tables.groups(steps), ends, steps).sum(1)
    having = torch.zeros(len(brought), dtype=brought.dtype)
    for first, end in run.stretches:
        having[first:end] += 1
    shared = brought / having.clamp_min(1)
    return torch.stack([shared[first:end].sum() for first, end in run.stretches])


def covered(run: _Run, by: By) -> Float[Tensor, " place"]:
    """How much lower is the target when the values of a place are others: y - y without them, `[place]`?

    They are never seen (`zero`: a 0 in their place, of which these networks tell their scaler alone), the `mean` of
    what was seen of their column, or what another table has there; gaps stay gaps. Patches that overlap share rows,
    which change in both. One run for each place, 16 at once where they fit.

    Raises `SeriesError` where nothing would be left of a column.
    """
    tables, fill, found = run.tables, filling(run, by), list[float]()
    for group in tables.groups(len(run.stretches)):
        values, seen = (one.repeat(len(group), 1, 1) for one in (tables.values, tables.seen))
        for number, place in enumerate(group):
            rows = slice(*run.stretches[place])
            for column in run.columns:
                values[number, rows, column] = fill[rows, column]
                if by == "zero":
                    seen[number, rows, column] = False
                    if not bool(seen[number, :, column].any()):
                        raise SeriesError("series_unseen", name=tables.read.names[column])
        found += [run.value - without for without in run.without(values, seen)]
    return torch.tensor(found, dtype=torch.float64)


def filling(run: _Run, by: By) -> Float[Tensor, "row column"]:
    """A whole table that places are put to. Raises `AttnvizError` where there is no other one."""
    values, seen = run.tables.values, run.tables.seen
    if by == "zero":
        return torch.zeros_like(values)
    if by == "mean":
        mean = (values.double() * seen).sum(0) / seen.sum(0)
        return torch.where(seen, mean.to(values.dtype), values)
    if run.other is None:
        raise AttnvizError("reading_other_table")
    others = Tables(run.model, run.other)
    return torch.where(seen & others.seen, others.values, values)


WAYS: Mapping[str, Callable[[_Run], Tensor]] = {
    "weights": _weights,
    "largest": _largest,
    "rollout": lambda run: run.followed.rolled(by_weight, *run.queries),
    "flow": lambda run: flow_to(run.followed, run.queries),
    "gradient_attention": _uppermost,
    "relevance": _relevance,
    "integrated_gradients": integrated,
    "occluded_zero": lambda run: covered(run, "zero"),
    "occluded_mean": lambda run: covered(run, "mean"),
    "occluded_other": lambda run: covered(run, "other"),
}
OF_VALUES = ("integrated_gradients", "occluded_zero", "occluded_mean", "occluded_other")
# On the page, beside a yardstick; flow is nearly the same from every place.
SHOWN = tuple(way for way in WAYS if way != "flow" and not way.startswith("occluded"))


def foretold_to_rest(model: ForecastModel, table: Any, wanted: Wanted) -> Attributions:
    """`attributions`, of a loaded model's forecast: rows over the past. Raises what `record` raises."""
    if table is None or isinstance(table, (str, Encoded)):
        raise ModelError("model_forecasts", model=model.name)
    if isinstance(table, Trace):
        raise AttnvizError("series_cannot", model=model.name, what="trace")
    if not model.foresees:
        raise ModelError("reading_no_forecast", model=model.name)
    chosen = chosen_ways(wanted.ways, WAYS)
    with guarded(lambda error: ModelError("series_run_failed", model=model.name)):
        read = model.past(table)
        other = None if wanted.other is None else model.past(wanted.other)
    if not isinstance(table, Past):
        warn(read.notes)
    at = getattr(wanted.target, "position", 0) if wanted.at is None else wanted.at
    if not 0 <= at < model.ahead:
        raise AttnvizError("no_such_position", number=at, last=model.ahead - 1)
    target = wanted.target or Logit(at, 0)
    for column in (target.token, target.against) if isinstance(target, Logit) else ():
        if column is not None and not 0 <= column < model.channels:
            raise AttnvizError("reading_no_column", number=column, last=model.channels - 1)
    trace = record(model, read, rule=wanted.rule, interventions=tuple(wanted.changes), predictions=False)
    heard = wanted.heard(_cost(chosen, len(_past(trace))))
    tables = Tables(model, read, changes_of(trace.rule, trace.changes), wanted.stop, heard)
    return _all(_Run(tables, trace, target, at, other), chosen, wanted)


def _cost(ways: list[str], places: int) -> int:
    """How many runs do these ways take?"""
    return sum(places if way.startswith("occluded") else STEPS * (way in OF_VALUES) for way in ways)


def _all(run: _Run, ways: list[str], wanted: Wanted) -> Attributions:
    """Every row over the past, or why there is none."""
    axis = _past(run.trace)
    kept = [place for place in range(len(axis)) if axis.stands_for(place) is not None]
    value = run.value  # before any way, so that a target that cannot be asked is no way's fault

    def read(way: str) -> Tensor:
        row = WAYS[way](run)
        return row if way in OF_VALUES else row[kept]

    rows, missing = each_way(ways, read, wanted.on_way, wanted.stop)
    seen = torch.stack([run.tables.seen[slice(*one)][:, run.columns].any() for one in run.stretches])
    return Attributions(run.at, value, tuple(axis.labels[place] for place in kept), seen, rows, missing, own=-1)
