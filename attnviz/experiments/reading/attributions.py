"""Which places does one prediction rest on? Every way of reading side by side, and what happens without a place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.core.given import check_functions
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, AttnvizError, ModelError, Stopped, shown
from attnviz.experiments.reading.gradients import integrated_gradients, relevances, uppermost
from attnviz.experiments.reading.occlusion import OTHER, edges_cut, occluded
from attnviz.experiments.reading.places import Places, Shares, by_closeness, by_length, by_weight, size_of
from attnviz.experiments.reading.zeroing import by_zeroing, value_zeroing
from attnviz.guard import guarded, own, sentences
from attnviz.measures.reading import Agreement, agreement
from attnviz.models.forecasting import ForecastModel
from attnviz.models.load import Model
from attnviz.models.seeing import VisionModel
from attnviz.recording.asked import check_model
from attnviz.recording.checks import why_not
from attnviz.recording.gradients import Differentiable, Logit, Outcome, Target, differentiable
from attnviz.recording.record import record
from attnviz.text.tokens import Encoded
from attnviz.threads import cached_property
from attnviz.trace import Trace

YARDSTICK = "occluded_mean"


@dataclass(frozen=True)
class Attributions:
    """What a prediction rests on, by each way of reading: rows `[place]` over the same places, by the ways' names.

    `at` is the token whose prediction `value` is; `labels` are the places, of an encoder-decoder the source's and then
    the target's, `own` the one of that token; `seen` are those that can reach the prediction at all. A way that this
    model cannot have is in `missing`, with the reason.
    """

    at: int
    value: float
    labels: tuple[str, ...]
    seen: Bool[Tensor, " place"]
    rows: Mapping[str, Float[Tensor, " place"]] = field(repr=False)
    missing: Mapping[str, AttnvizError] = field(default_factory=dict)
    own: int = 0

    def __getitem__(self, way: str) -> Float[Tensor, " place"]:
        """One row. Raises the `AttnvizError` that says why a model cannot have it, `KeyError` for another name."""
        if way in self.missing:
            raise self.missing[way]
        return self.rows[way]

    @cached_property
    def agreements(self) -> Mapping[tuple[str, str], Agreement]:
        """How alike are every two rows, over the places seen and whatever the sign?"""
        pairs = combinations(self.rows, 2)
        found = {(one, other): agreement(self.rows[one], self.rows[other], seen=self.seen) for one, other in pairs}
        return found

    def measured(self, yardstick: str = YARDSTICK) -> Mapping[str, Agreement]:
        """How well does each row foresee what happens without a place? Its agreement with a yardstick."""
        what_happens = self[yardstick]
        return {
            way: agreement(row, what_happens, seen=self.seen) for way, row in self.rows.items() if way not in YARDSTICKS
        }


@dataclass(frozen=True, eq=False)
class _Run:
    """One text with a target: its trace, and what only some ways need, made when first asked for."""

    model: Model
    trace: Trace
    target: Target
    at: int
    other: str = OTHER
    head: tuple[int, int] | None = None

    @property
    def places(self) -> Places:
        return Places(self.trace)

    @cached_property
    def live(self) -> Differentiable:
        """The run once more, to be differentiated."""
        crossed = self.trace.looked_at
        text, reply = (self.trace.encoded, None) if crossed is None else (crossed, self.trace.encoded)
        return differentiable(
            self.model, text, target=reply, rule=self.trace.rule, interventions=self.trace.changes
        )  # fmt: skip

    @cached_property
    def shown(self) -> Trace:
        """The trace, where the model shows what its blocks do. Raises `ModelError` for one that does not."""
        if self.model.eager:
            raise ModelError("model_keeps_blocks", model=self.model.name)
        return self.trace

    def rolled(self, shares: Shares) -> Tensor:
        """The row of the token in the maps of all layers, rolled out with what stays of a state in them already."""
        return self.places.rolled(shares, self.at)


def _weights(run: _Run) -> Tensor:
    """The mean over all heads and layers."""
    return run.places.direct(run.at, lambda one, layer: one.weights(layer)[:, run.at].mean(0))


def _largest(run: _Run) -> Tensor:
    """The largest in any head of any layer."""
    parts = ("cross", "decoder") if run.places.crossed else (run.trace.part,)
    found = []
    for one in map(run.trace.map, parts):
        rows = [one.weights(layer)[:, run.at].amax(0) for layer in one.open_layers]
        found.append(torch.stack(rows).amax(0))
    return torch.cat(found)


def _of_head(run: _Run) -> Tensor:
    """One head's, nothing for places that its map does not have."""
    assert run.head is not None
    row = run.trace.weights(*run.head)[run.at]
    return torch.cat([row, torch.zeros(len(run.places.labels) - len(row))])


def _lengths(run: _Run) -> Tensor:
    return Places(run.shown).direct(run.at, lambda one, layer: size_of(one, layer, run.at))


def _rolled(shares: Shares) -> Callable[[_Run], Tensor]:
    return lambda run: Places(run.shown).rolled(shares, run.at)


def _zeroed(run: _Run) -> Tensor:
    return run.rolled(partial(by_zeroing, value_zeroing(run.model, run.trace)))


def _occluded(by: Any) -> Callable[[_Run], Tensor]:
    return lambda run: occluded(run.model, run.trace, run.target, by=by, other=run.other)


def _cut(shared: bool) -> Callable[[_Run], Tensor]:
    return lambda run: edges_cut(run.model, run.trace, run.target, at=run.at, shared=shared)


WAYS: Mapping[str, Callable[[_Run], Tensor]] = {
    "head": _of_head,
    "weights": _weights,
    "largest": _largest,
    "rollout": lambda run: run.rolled(by_weight),
    "flow": lambda run: run.places.flowed(run.at),
    "norms": _lengths,
    "norms_residual": _rolled(by_length),
    "alti": _rolled(by_closeness),
    "gradient_attention": lambda run: uppermost(run.live, run.target)[run.at],
    "relevance": lambda run: relevances(run.live, run.target)[run.at],
    "value_zeroing": _zeroed,
    "integrated_gradients": lambda run: integrated_gradients(run.model, run.trace, run.target),
    "occluded_zero": _occluded("zero"),
    "occluded_mean": _occluded("mean"),
    "occluded_other": _occluded("other"),
    "edges_shared": _cut(True),
    "edges_lost": _cut(False),
}
YARDSTICKS = ("occluded_zero", "occluded_mean", "occluded_other", "edges_shared", "edges_lost")


@sentences
def attributions(
    model: Model | Any,
    text: str | Encoded | Trace | Any,
    *,
    target: Target | None = None,
    at: int | None = None,
    head: tuple[int, int] | None = None,
    ways: Sequence[str] | None = None,
    reply: str | Encoded | None = None,
    rule: Rule | None = None,
    other: Any = OTHER,
    on_way: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Attributions:
    """Which places of `text` does one prediction of `model` rest on, by every way of reading, and what without them?

    The prediction is `target`: a `Logit`, the difference of two (`Logit(..., against=...)`), or one number made from an
    `Outcome`; what is likeliest at `at` unless given. `at` is the token whose rows are read: the target's own, else the
    blank or the last token; for a trained head of the whole text the first token, in a decoder the last. `text` may be
    a trace, whose rule and changes then act; `reply` is what an encoder-decoder has written so far.

        weights, largest, head        mean over heads and layers, the largest of them, one head's (if one is asked for)
        rollout, flow                 through all layers, by weights alone (Abnar and Zuidema 2020)
        norms, norms_residual, alti   how long what is brought is (Kobayashi et al. 2020), rolled out with residual and
                                      norm (2021), how near it comes to the sum (Ferrando et al. 2022)
        gradient_attention, relevance of the last layer, through all layers (Chefer et al. 2021)
        value_zeroing                 how far states turn without a value, rolled out (Mohebbi et al. 2023)
        integrated_gradients          from words that are all the same (Sundararajan et al. 2017)
        occluded_zero, _mean, _other  the yardstick: the word's embedding is nothing, the mean, another text's
        edges_shared, edges_lost      the token may not look there: the other keys take the weight over, or it is lost

    A model that looks at pictures is given one in place of the text: the prediction is a label (`Logit(0, label)`), or
    of a detector a query's label or a side of its box (`BoxSide`); the places are those of the picture, which are put
    to the mean colour of the training, to the mean patch, or to what lies there in an `other` picture. The edges are
    those of the rows that the prediction is read from: the class token's, a detector's query's to the picture, those of
    all places that its head takes the mean of; `value_zeroing` is read up to 1,024 runs, one for each place and layer.
    Models of windows, and of points that they choose, have none of the three. The forecasters
    of `systems.series` are given a moment or a `Window`: the prediction is a quantile of a coming step (`Logit(step,
    quantile)`, the median unless given), the places are past steps, put to never measured, to the mean, or to what an
    `other` window has there.

    A loaded forecaster (`ForecastModel`) is given a table, or what `model.past` made of it: the prediction is the mean
    that it expects of a coming step in a column (`Logit(step, column)`, the first of both unless given). The places are
    the patches of PatchTST's column, or the rows of an encoder, put to never seen (a 0, which its scaler alone knows
    for a gap), to the mean of their column, or to what an `other` table has there. Each such run is whole: the scaler
    looks at the changed values, which is part of what happens, and a model with lags writes its steps anew, each after
    its own means; no draw enters. Its places are given the values a lag before them, so a row's value acts at later
    places than its own, which weights name; rows that only lags reach are no places.

    No way wins in every model (Arras et al. 2025): `measured` says how well each foresees the yardstick here. `on_way`
    hears how many of the `ways` (all unless given) are done, of how many, and `stop` is asked before each.

    Raises what `record` raises, `ArgumentError` for a way that is none, `Stopped` where `stop` said so. A way that this
    model cannot have is no error but stands among the `missing`.

    >>> import attnviz as av
    >>> found = av.attributions(av.load("lab-gpt"), "南京市长江", ways=["rollout", "occluded_mean"])
    >>> len(found["rollout"]) == len(found.labels), list(found.measured())
    (True, ['rollout'])
    """
    model = check_model(model, things=("vision", "series"))
    check_functions(on_way=on_way, stop=stop)
    if isinstance(model, VisionModel):
        from attnviz.experiments.reading.pictured import Wanted, seen_to_rest  # which gives what stands here

        beside = None if isinstance(other, str) and other == OTHER else other
        return seen_to_rest(model, text, Wanted(target, at, ways, rule, beside, (), own(on_way), own(stop)))
    if not isinstance(model, Model) or isinstance(model, ForecastModel):
        from attnviz.experiments.reading.foreseen import foreseen_to_rest
        from attnviz.experiments.reading.pictured import Wanted
        from attnviz.experiments.reading.things.tables import foretold_to_rest
        from attnviz.systems.series.system import System

        beside = None if isinstance(other, str) else other
        wanted = Wanted(target, at, ways, rule, beside, (), own(on_way), own(stop))
        if isinstance(model, ForecastModel):
            return foretold_to_rest(model, text, wanted)
        if isinstance(model, System):
            return foreseen_to_rest(model, text, wanted)
        raise AttnvizError("system_cannot", model=model.name, what="attributions")
    chosen = chosen_ways(ways, [way for way in WAYS if way != "head" or head is not None], WAYS)
    with guarded(lambda error: why_not(model)):
        trace = text if isinstance(text, Trace) else _recorded(model, text, reply, rule)
        place = _where(model, trace, target, at)
        run = _Run(model, trace, target or _likeliest(trace, place), place, other, head)
        return _all(run, chosen, own(on_way), own(stop))


def _recorded(model: Model, text: str | Encoded, reply: str | Encoded | None, rule: Rule | None) -> Trace:
    """The text's run, with its states where the model shows them."""
    return record(model, text, target=reply, rule=rule, states=not model.eager)


def _where(model: Model, trace: Trace, target: Target | None, at: int | None) -> int:
    """The token whose rows are read."""
    last = len(trace.queries) - 1
    if at is None and trace.answer is not None and trace.answer.about == "sequence":
        call = trace.attention(trace.open_layers[-1])
        at = last if trace.crossed or not bool((call.scores[:, 0, 1:] > -torch.inf).any()) else 0
    if at is None:
        at = getattr(target, "position", None)
    if at is None:
        at = _blank(model, trace)
    if at is None:
        at = last
    if not 0 <= at <= last:
        raise AttnvizError("no_such_position", number=at, last=last)
    return at


def _blank(model: Model, trace: Trace) -> int | None:
    """The token that a model which fills blanks is to fill: the one that was blanked, or the text's first [MASK]."""
    if trace.blank is not None or model.mask_id is None:
        return trace.blank
    return next((place for place, one in enumerate(trace.encoded.ids) if one == model.mask_id), None)


def _likeliest(trace: Trace, at: int) -> Logit:
    """What is predicted there."""
    said = trace.logits if trace.answer is None else trace.answer.scores
    if said is None:
        raise AttnvizError("target_no_logits")
    row = at if len(said) > 1 else 0
    return Logit(row, int(said[row].argmax()))


def _all(
    run: _Run, ways: Sequence[str], on_way: Callable[[int, int], object] | None, stop: Callable[[], bool] | None
) -> Attributions:
    """Every row, or why there is none."""
    seen = _seen(run)
    rows, missing = each_way(ways, lambda way: WAYS[way](run).masked_fill(~seen, 0), on_way, stop)  # no run's rounding
    said = run.trace.logits if run.trace.answer is None else run.trace.answer.scores
    value = float(run.target(Outcome(said, run.trace.outputs)))
    places = run.places
    return Attributions(run.at, value, places.labels, seen, rows, missing, places.place(run.at))


def chosen_ways(ways: Sequence[str] | None, known: Collection[str], named: Collection[str] = ()) -> list[str]:
    """The ways that are asked for, all that are `known` unless given.

    Raises `ArgumentError` for another, which tells those that are `named`, the known ones where none are.
    """
    chosen = list(known) if ways is None else list(ways)
    for way in chosen:
        if way not in known:
            raise ArgumentError("argument_way", got=shown(way), ways=", ".join(named or known))
    return chosen


def each_way(
    ways: Sequence[str],
    read: Callable[[str], Tensor],
    on_way: Callable[[int, int], object] | None,
    stop: Callable[[], bool] | None,
) -> tuple[dict[str, Tensor], dict[str, AttnvizError]]:
    """What `read` finds by each way, in float64, and why another has nothing. Raises `Stopped`."""
    rows: dict[str, Tensor] = {}
    missing: dict[str, AttnvizError] = {}
    for done, way in enumerate(ways):
        if stop is not None and stop():
            raise Stopped("run_stopped")
        try:
            rows[way] = read(way).double()
        except Stopped:
            raise
        except AttnvizError as reason:
            missing[way] = reason
        if on_way is not None:
            on_way(done + 1, len(ways))
    return rows, missing


def _seen(run: _Run) -> Bool[Tensor, " place"]:
    """The places that can reach the prediction; all, where a layer without attention may pass on any."""
    try:
        return run.places.seen(run.at)
    except AttnvizError:
        return torch.ones(len(run.places.labels), dtype=torch.bool)
