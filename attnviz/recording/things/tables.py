"""One table of values run several times at once, other values in each; once so that it is differentiated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnviz.adapter.series.kinds import PATCHED
from attnviz.adapter.series.opening import means, rolled
from attnviz.adapter.series.past import Past
from attnviz.adapter.series.reading import patch_count
from attnviz.core.interventions import Intervention
from attnviz.errors import ModelError, Stopped
from attnviz.guard import guarded
from attnviz.models.forecasting import ForecastModel
from attnviz.models.memory import check_series
from attnviz.recording.gradients import Differentiable, Outcome, Tape, still
from attnviz.recording.record import Watch, run
from attnviz.recording.several import Words, in_groups
from attnviz.recording.things.series import by_layer
from attnviz.trace import Trace

MOST, PLACES = 16, 8192  # runs at once, and places of them together


@dataclass(frozen=True, eq=False)
class Tables:
    """A table as a model reads it, to be run so often with other values; `changes` act in every run, `stop` is asked
    before some go through the model together, and `on_runs` hears how many have.
    """

    model: ForecastModel
    read: Past
    changes: tuple[Intervention, ...] = ()
    stop: Callable[[], bool] | None = None
    on_runs: Callable[[int], object] | None = None

    @property
    def patched(self) -> bool:
        """Is each channel read by itself, in patches, as PatchTST does?"""
        return self.model.network.config.model_type in PATCHED

    @property
    def values(self) -> Float[Tensor, "row column"]:
        """What the model is given, 0 where nothing was seen."""
        return self.read.inputs["past_values"].reshape(-1, self.model.channels)

    @property
    def seen(self) -> Bool[Tensor, "row column"]:
        """Where something was seen."""
        return self.read.inputs["past_observed_mask"].reshape(-1, self.model.channels) > 0

    def groups(self, count: int) -> Iterator[range]:
        """So many runs, in groups of those that go through the model together."""
        past, ahead, channels = self._sizes
        return in_groups(count, max(1, min(MOST, PLACES // ((past + ahead) * channels))))

    def run(
        self, values: Float[Tensor, "run row column"], seen: Bool[Tensor, "run row column"], follow: Words | None = None
    ) -> list[Outcome]:  # fmt: skip
        """What is expected from each of some tables, in the mean. Raises `Stopped` where `stop` said so.

        A model with lags writes its steps anew from each, one after the other, and its scaler looks at each anew.
        """
        if self.stop is not None and self.stop():
            raise Stopped("run_stopped")
        found, states, _ = self._ran(values, seen, follow)
        if self.on_runs is not None:
            self.on_runs(len(values))
        return [Outcome(one, state) for one, state in zip(found, states, strict=True)]

    def differentiated(self, trace: Trace, channel: int = 0) -> Differentiable:
        """The table itself, so that weights can be asked for their gradient; steps that were written before stand.

        `trace` is its run as it was recorded; of PatchTST the map of the `channel`, by itself.
        """
        tape = Tape()
        with torch.inference_mode(False), torch.enable_grad():
            found, states, maps = self._ran(self.values[None], self.seen[None], tape)
        weights, gates = tape.by_map(maps, self._sizes[2])
        if self.patched:
            weights, gates = ({trace.part: one} for made in (weights, gates) for one in made.values())
        outcome = Outcome(found[0], states[0])
        return Differentiable(still(trace), outcome, weights, gates, (None, None), None, channel)

    @property
    def _sizes(self) -> tuple[int, int, int]:
        """How many places each side has, and how many series go through the model for one table."""
        config = self.model.network.config
        if self.patched:
            return patch_count(config) + bool(config.use_cls_token), 0, self.model.channels
        return int(config.context_length), int(config.prediction_length), 1

    def _ran(self, values: Tensor, seen: Tensor, follow: Words | Tape | None) -> tuple[Tensor, Tensor, Any]:
        """The means `[run, step, column]`, the last states `[run, place, width]`, and the maps of the last run."""
        model, rows = self.model, len(values)
        past, ahead, channels = self._sizes
        check_series(model.network.config, past, ahead, rows * channels)
        inputs = self._inputs(values, seen)
        watch = Watch(values=False, states=False, follow=follow, texts=rows * channels)
        network: Any = model.network
        changes = self.changes if self.patched else by_layer(self.changes, network.config)
        with guarded(lambda error: ModelError("series_run_failed", model=model.name)):
            if not self.patched:
                inputs["future_values"] = self._written(inputs, changes, follow)
                network = network.base_model
            result, maps = run(network, changes, name=model.name, watch=watch, **inputs)
            with torch.inference_mode(follow is None):
                found = means(model.network, result).reshape(rows, model.ahead, model.channels)
        side = "hidden_states" if self.patched else "decoder_hidden_states"
        return found, result[side][-1].reshape(rows, -1, result[side][-1].shape[-1]), maps

    def _written(
        self, inputs: dict[str, Any], changes: tuple[Intervention, ...], follow: Words | Tape | None
    ) -> Tensor:
        """What the decoder reads: the model's own means, step by step. A tape's are numbers that stand."""
        if isinstance(follow, Tape):
            with torch.inference_mode():
                found = rolled(self.model.network, inputs, changes)
            return found.clone()
        return rolled(self.model.network, inputs, changes, follow)

    def _inputs(self, values: Tensor, seen: Tensor) -> dict[str, Any]:
        """What the network is given of some tables, by the names of its arguments."""
        own, rows = self.read.inputs, len(values)
        found = {name: one.expand(rows, *one.shape[1:]) for name, one in own.items()}
        found["past_values"] = values.reshape(rows, *own["past_values"].shape[1:])
        mask = own["past_observed_mask"]
        found["past_observed_mask"] = seen.reshape(rows, *mask.shape[1:]).to(mask.dtype)
        return found
