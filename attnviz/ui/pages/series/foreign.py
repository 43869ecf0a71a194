"""What a model of the Hub or a folder reads of a series on this page, and its run, kept by names and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import RuleChoice, as_rule, model_store, plain, runs, t, work
from attnviz.ui.pages.series import run
from attnviz.ui.pages.series.run import Asked, Changes, Head, Stretch

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.adapter.series.past import Past
    from attnviz.axes import Spans
    from attnviz.core.interventions import Intervention
    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.models import ForecastModel
    from attnviz.notices import Notice
    from attnviz.systems.series.series import Series
    from attnviz.systems.series.system import Forecast
    from attnviz.trace import Trace

PARTS = {"c": "cross", "e": "encoder", "d": "decoder", "s": None}  # of a map's letter in a link
HELD = "occluded_mean"  # what a place is put to: a 0 that the scaler alone knows for a hole might be a value
LEFT_OUT = ("series_gaps", "series_last", "series_calendar")  # notes that the page says in its own words


@dataclass(frozen=True)
class Facts:
    """What a model is, in numbers: `rows` that it reads, of which the last `context` are places of its own, `wanted`
    numbers beside each step. `patch` is how many there are, how long each is, and how far apart; None without patches.
    """

    name: str
    type: str
    rows: int
    context: int
    ahead: int
    channels: int
    draws: int
    foresees: bool
    parameters: int
    wanted: int = 0
    lags: tuple[int, ...] = ()
    patch: tuple[int, int, int] | None = None
    halves: int = 0
    sparse: bool = False
    maps: tuple[tuple[str, int, int], ...] = ()  # by the letter of each map, how many layers and heads

    def has(self, off: Head) -> bool:
        """Is there such a head?"""
        letter, layer, head = off
        return any(
            letter == one and int(layer) < layers and int(head) < heads for one, layers, heads in self.maps
        )  # fmt: skip


def facts(model: ForecastModel) -> Facts:
    """What a model is, as its configuration says."""
    from attnviz.adapter.series.reading import patch_count

    config: Any = model.network.config
    found = Facts(
        model.name, config.model_type, model.rows, int(config.context_length), model.ahead, model.channels, model.draws,
        model.foresees, sum(one.numel() for one in model.network.parameters()),
    )  # fmt: skip
    if config.model_type == "patchtst":
        patch = patch_count(config), int(config.patch_length), int(config.patch_stride)
        ahead = found.ahead if found.foresees else 0
        own = (("s", int(config.num_hidden_layers), int(config.num_attention_heads)),)
        return replace(found, ahead=ahead, patch=patch, maps=own)
    halves = int(config.encoder_layers) if getattr(config, "distil", False) else 0
    decoder = int(config.decoder_layers), int(config.decoder_attention_heads)
    maps = (("e", int(config.encoder_layers), int(config.encoder_attention_heads)), ("d", *decoder), ("c", *decoder))
    return replace(
        found, wanted=int(config.num_time_features) + int(config.num_dynamic_real_features),
        lags=tuple(config.lags_sequence), halves=halves if halves > 1 else 0,
        sparse=getattr(config, "attention_type", "") == "prob", maps=maps,
    )  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Foreign(Asked):
    """A model from elsewhere: it is given `values` `[row, channel]` from the step `first` of the series on, and what
    stands `beside` each step; `channel` is the one that is drawn. `mark` names the series.
    """

    facts: Facts
    mark: str
    values: Tensor
    beside: Tensor
    channel: int
    first: int

    @property
    def lead(self) -> int:
        """How many rows are read before those that are places."""
        return self.facts.rows - self.facts.context

    def heads_off(self, text: str) -> tuple[Head, ...]:
        """The heads taken away, from a link, that the model has."""
        return tuple(one for one in run.heads_off(text, 3) if self.facts.has(one))

    def forecast(self, changes: Changes) -> Forecast:
        """What the model says will come, as it is asked for. Raises `AttnvizError`."""
        from attnviz.systems.series.system import Forecast

        found = self.foreseen(changes)
        return Forecast(self.changed(changes), found.values[..., self.channel], found.trace)

    def foreseen(self, changes: Changes) -> Foreseen:
        """The same, of all channels. Raises `AttnvizError`."""
        from attnviz.errors import AttnvizError

        if bool(self.changed(changes).values.isnan().all()):
            raise AttnvizError("series_nothing_seen", steps=len(self.window.values))
        with st.spinner(t("running", model=plain(self.facts.name)), show_time=True):
            return _foreseen(self.request(changes), self)

    def request(self, changes: Changes) -> Request:
        """The run with these changes."""
        spike = (changes.at, self.channel, changes.spike) if changes.at else (0, 0, 0.0)
        return Request(self.facts.name, self.mark, self.first, changes.rule, changes.off, changes.taken, spike)

    @property
    def stretches(self) -> list[Stretch]:
        """The steps of each place of the past, counted from the first of the series."""
        if self.facts.patch is None:
            begin = self.first + self.lead
            return [(step, step + 1) for step in range(begin, begin + self.facts.context)]
        count, size, stride = self.facts.patch
        begin = self.first + self.facts.rows - size - stride * (count - 1)
        return [(begin + stride * number, begin + stride * number + size) for number in range(count)]

    def rest(self, changes: Changes, step: int, tell: work.Tell, stop: work.Halted) -> Attributions:
        """Every way of reading what is expected of a coming step of the channel, held to what is expected with each
        past place at the mean. Raises `AttnvizError`.
        """
        from attnviz.experiments.reading.pictured import Wanted
        from attnviz.experiments.reading.things.tables import SHOWN, foretold_to_rest
        from attnviz.recording.gradients import Logit

        request = self.request(changes)
        model: Any = model_store().take(request.name)
        read, acting = _as_changed(model, request, self)
        goal, ways, rule = Logit(step, self.channel), [*SHOWN, HELD], as_rule(request.rule)
        return foretold_to_rest(model, read, Wanted(goal, step, ways, rule, None, acting, stop=stop, on_runs=tell))


@dataclass(frozen=True, eq=False)
class Source:
    """The columns that a model reads, what each is counted in, and the step at which the forecast begins."""

    mark: str
    series: tuple[Series, ...]
    units: tuple[str, ...]
    start: int


def asked(model: Facts, source: Source, channel: int) -> Foreign:
    """A model from elsewhere asked what comes from a step on. Raises `SeriesError` for a series that is too short."""
    import torch

    from attnviz.errors import SeriesError
    from attnviz.systems.series.calendar import features
    from attnviz.systems.series.window import Window

    series, start = source.series, source.start
    shown, first = series[channel], start - model.rows
    if first < 0:
        raise SeriesError("series_rows_few", rows=len(shown), least=model.rows)
    values = torch.stack([one.values[first:start] for one in series], dim=-1)
    came = run.came_after(shown.values, start, model.ahead)
    window = Window(shown.clock, start - model.context, values[-model.context :, channel], came)
    beside = features(shown.clock, first, model.rows + model.ahead, model.wanted)
    return Foreign(
        window=window, unit=source.units[channel], facts=model, mark=source.mark, values=values, beside=beside,
        channel=channel, first=first,
    )  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One run as the store knows it: the model, the series, where the forecast begins, what is changed."""

    name: str
    series: str
    first: int
    rule: RuleChoice
    off: tuple[Head, ...]
    taken: tuple[Stretch, ...]
    spike: tuple[int, int, float]


@dataclass(frozen=True, eq=False)
class Foreseen:
    """What came of a run: quantile 0.1, mean and quantile 0.9 of each step `[ahead, 3, channel]`, NaN where the model
    says none; what was made up.
    """

    trace: Trace
    values: Tensor
    notes: tuple[Notice, ...]


@runs.kept
def _foreseen(request: Request, _given: Foreign) -> Foreseen:
    """One run of a model from elsewhere; `_given` has the series of the request's mark."""
    from attnviz.recording.record import record

    model: Any = model_store().take(request.name)
    known = model.past(_spiked(request, _given).numpy(), calendar=_given.beside.numpy())
    read, changes = _as_changed(model, request, _given)
    trace = record(model, read, rule=as_rule(request.rule), interventions=changes)
    notes = tuple(one for one in known.notes if one.message not in LEFT_OUT)
    return Foreseen(trace, _said(trace, _given.facts), notes)


def _spiked(request: Request, given: Foreign) -> Tensor:
    """The values with the one that was put in."""
    values, (at, channel, spike) = given.values.clone(), request.spike
    if at:
        values[len(values) - at, channel] = spike
    return values


def _as_changed(model: Any, request: Request, given: Foreign) -> tuple[Past, list[Intervention]]:
    """What the model reads with what is changed, and what is changed inside its run."""
    from attnviz.adapter.series.reading import patches, steps

    config, hidden = model.network.config, _spiked(request, given)
    hidden[gone := sorted(_gone(request.taken, len(hidden)))] = float("nan")
    read = model.past(hidden.numpy(), calendar=given.beside.numpy())
    places = patches(config, read) if given.facts.patch else steps(config, read)[0]
    inputs = {**read.inputs, "past_values": _filled(read.inputs["past_values"], hidden, gone)}
    return replace(read, inputs=inputs), [*_closed(given.facts, places, gone), *_removed(request.off)]


def _gone(taken: Sequence[Stretch], count: int) -> set[int]:
    """The rows that are taken away."""
    return {row for before, after in taken for row in range(max(0, count - before), count - after)}


def _filled(read: Tensor, hidden: Tensor, gone: list[int]) -> Tensor:
    """What a model reads `[1, row, ...]`, the mean of the rest in the place of what is hidden: 0 might be a hole."""
    if not gone:
        return read
    filled, mean = read.clone(), hidden.nanmean(0).to(read)
    filled[0, gone] = mean if read.ndim == 3 else mean[0]
    return filled


def _closed(model: Facts, places: Spans, gone: list[int]) -> list[Intervention]:
    """Let nobody look at places whose every row is hidden; of an encoder that halves, in its first layer."""
    from attnviz.core.interventions import HideToken

    away, part = set(gone), "encoder 1" if model.halves else None
    spans = enumerate(places.rows, start=len(places.first))
    return [HideToken(place, part=part) for place, (first, last) in spans if away.issuperset(range(first, last))]


def _removed(off: Sequence[Head]) -> list[Intervention]:
    """Heads without effect."""
    from attnviz.core.interventions import RemoveHeads

    return [
        RemoveHeads((int(head),), layers=(int(layer),), part=PARTS[str(letter)]) for letter, layer, head in off
    ]  # fmt: skip


def _said(trace: Trace, model: Facts) -> Tensor:
    """What the model expects `[ahead, 3, channel]`. Raises `SeriesError` for what is no number."""
    import torch

    from attnviz.errors import SeriesError

    found = torch.full((model.ahead, 3, model.channels), torch.nan)
    if trace.answer is None:
        return found
    parts = trace.answer.scores.float().view(model.ahead, -1, model.channels)
    if not bool(parts[:, 0].isfinite().all()):
        raise SeriesError("series_not_finite", model=model.name)
    found[:, 1] = parts[:, 0]
    if parts.shape[1] == 4:  # mean, deviation, both ends
        found[:, [0, 2]] = parts[:, 2:]
    return found
