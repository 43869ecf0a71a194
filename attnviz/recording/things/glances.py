"""One picture run several times at once, other pixels or another change in each; once so that it is differentiated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.adapter.outputs import Result, last_states
from attnviz.adapter.vision.kinds import tower
from attnviz.adapter.vision.reading import inputs
from attnviz.adapter.vision.windows import Windows, meant
from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule, Soft
from attnviz.errors import ModelError, Stopped
from attnviz.guard import guarded
from attnviz.models.finding import DetectionModel
from attnviz.models.memory import check_picture
from attnviz.models.seeing import VisionModel
from attnviz.pictures import Seen
from attnviz.recording.asked import check_changes, check_rule
from attnviz.recording.gradients import Differentiable, Outcome, Tape, still
from attnviz.recording.looks import Look
from attnviz.recording.pictures import by_window, hears, ran
from attnviz.recording.record import Watch, run
from attnviz.recording.several import Seen as Again
from attnviz.recording.several import Words, in_groups, row_of
from attnviz.text.tokens import Encoded

MOST, PLACES, PIXELS = 16, 8192, 4_000_000  # runs at once; places and pixels of them together


@dataclass(frozen=True, eq=False)
class Glances:
    """A picture as a model reads it, to be run so often; `changes` act in every run, `stop` is asked before some go
    through the model together, and `on_runs` hears how many have.
    """

    model: VisionModel
    read: Seen
    changes: tuple[Intervention, ...] = ()
    stop: Callable[[], bool] | None = None
    on_runs: Callable[[int], object] | None = None

    @property
    def at_once(self) -> int:
        """How many runs go through the model together: of windows, which stand on the batch's axis, one."""
        if by_window(self.model):
            return 1
        pixels = int(self.read.values[0].size)
        return max(1, min(MOST, PLACES // len(self.read.axis), PIXELS // pixels))

    def groups(self, count: int) -> Iterator[range]:
        """So many runs, in groups of those that go through the model together."""
        return in_groups(count, self.at_once)

    def run(
        self, values: Float[Tensor, "run colour row column"], follow: Words | None = None
    ) -> list[Outcome]:  # fmt: skip
        """What comes of each of some pictures of this one's size. Raises `Stopped` where `stop` said so."""
        watch = Watch(values=False, states=not hears(self.model), follow=follow, texts=len(values))
        return [outcome_of(self.model, one) for one in self.results(values, watch)]

    def results(
        self, values: Float[Tensor, "run colour row column"], watch: Watch, more: Sequence[Intervention] = ()
    ) -> list[Result]:  # fmt: skip
        """What the network returned of each, with `more` changed in these runs. Raises what `run` raises."""
        if self.stop is not None and self.stop():
            raise Stopped("run_stopped")
        network, rows = self.model.network, len(values)
        given = {**inputs(network, self.read), "pixel_values": values.to(network.dtype)}
        changes = (*self.changes, *more)
        if by_window(self.model):  # one run, which was found to fit
            windows = Windows.of(network, self.read.axis)
            changes, watch = meant(changes, windows.axes(self.read.axis)), replace(watch, windows=windows)
        else:
            check_picture(tower(network.config), {"self": rows * len(self.read.axis)})
        with guarded(lambda error: ModelError("picture_run_failed", model=self.model.name)):
            result, _ = run(network, changes, name=self.model.name, watch=watch, **given)
        if self.on_runs is not None:
            self.on_runs(rows)
        return [row_of(result, number, rows) for number in range(rows)]


@dataclass(frozen=True, eq=False)
class Repeated:
    """The picture itself run several times at once, with another change in each, as `Several` runs a text; with
    `states` the states after each layer are seen.
    """

    glances: Glances
    states: bool = False

    def groups(self, count: int) -> Iterator[range]:
        """So many runs, in groups of those that go through the model together."""
        return self.glances.groups(count)

    def run(self, rows: int, more: Sequence[Intervention] = ()) -> list[Again]:
        """So many runs at once; what came of each. Raises what `Glances.run` raises."""
        model, values = self.glances.model, torch.from_numpy(np.array(self.glances.read.values))
        watch = Watch(values=False, states=self.states or not hears(model), texts=rows)
        found = self.glances.results(values.repeat(rows, 1, 1, 1), watch, more)
        return [Again(outcome_of(model, one), one) for one in found]


def outcome_of(model: VisionModel, result: Result | Any) -> Outcome:
    """What one run over a picture came to: the scores of its labels, or those of each query and its box."""
    if isinstance(model, DetectionModel):
        return Outcome(result["logits"][0], result["last_hidden_state"][0], result["pred_boxes"][0])
    return Outcome(result["logits"][:1] if model.trained else None, last_states(result))


def differentiated(
    model: VisionModel, picture: Any, rule: Rule | None, interventions: Sequence[Intervention]
) -> Differentiable:
    """A run over a picture that can be differentiated (`differentiable`), from the weights of the first layer on.

    Raises what `record` raises, and `ModelError` for a model that looks at windows, or at points that it chooses.
    """
    if picture is None or isinstance(picture, (str, Encoded)):
        raise ModelError("model_sees", model=model.name)
    if by_window(model) or (isinstance(model, DetectionModel) and model.samples):
        raise ModelError("model_keeps_blocks", model=model.name)
    tape = Tape()
    look = Look(check_rule(rule) or Soft(), check_changes(interventions), None, True, False, None, None, tape)
    with guarded(lambda error: ModelError("picture_run_failed", model=model.name)):
        read = model.see(picture)
        with torch.inference_mode(False), torch.enable_grad():
            one = ran(model, read, look)
    weights, gates = tape.by_map(one.found)
    last = None if isinstance(model, DetectionModel) else one.result["hidden_states"][-1]
    outcome = outcome_of(model, one.result)
    return Differentiable(still(one.trace), outcome, weights, gates, (None, None), last)
