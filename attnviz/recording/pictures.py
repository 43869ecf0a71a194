"""Record a model that looks at a picture: what `record` does with a text, for a picture's patches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from attnviz.adapter.heads import answer_of
from attnviz.adapter.outputs import Layers, last_states
from attnviz.adapter.vision.kinds import tower
from attnviz.adapter.vision.reading import inputs
from attnviz.adapter.vision.windows import Windows, meant
from attnviz.axes import Patches
from attnviz.core.attention import Attention
from attnviz.core.interventions import check_tokens
from attnviz.errors import AttnvizError, ModelError
from attnviz.guard import guarded, own
from attnviz.models.finding import DetectionModel
from attnviz.models.memory import check_picture
from attnviz.models.seeing import VisionModel
from attnviz.pictures import Seen
from attnviz.recording.dataflow import Dataflow
from attnviz.recording.detection import detected
from attnviz.recording.looks import Look, beyond
from attnviz.recording.record import Watch, changes_of, refuse_places, run, with_blocks
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace


def looked(model: VisionModel, picture: Any, look: Look, given: Mapping[str, Any]) -> Trace:
    """What does every head do with a picture? `given` is what was asked for that only texts have, by its names.

    Raises `ModelError` for a text in the place of the picture, `AttnvizError` for what only a text can be asked for.
    """
    if picture is None or isinstance(picture, (str, Encoded)):
        raise ModelError("model_sees", model=model.name)
    if more := beyond(given):
        raise AttnvizError("picture_cannot", model=model.name, what=more)
    with guarded(lambda error: ModelError("picture_run_failed", model=model.name)):
        return ran(model, model.see(picture), look).trace


@dataclass(frozen=True, eq=False)
class Ran:
    """One run over a picture: its trace, what the network returned, the layers of each map."""

    trace: Trace
    result: Any
    found: Mapping[str, Layers]


def ran(model: VisionModel, read: Seen, look: Look) -> Ran:
    """Run a model on a picture as it reads it. Raises what `looked` raises of a run."""
    if isinstance(model, DetectionModel):
        return Ran(*detected(model, read, look))
    windows = Windows.of(model.network, read.axis) if by_window(model) else None
    axes = {"self": read.axis} if windows is None else windows.axes(read.axis)
    first = next(iter(axes))
    check_tokens(look.interventions, len(axes[first]))
    changes = look.interventions if windows is None else meant(look.interventions, axes)
    check_picture(tower(model.network.config), {name: len(axis) for name, axis in axes.items()})
    watch = _watch(model, look, len(axes[first]), windows)
    result, found = run(
        model.network, changes_of(look.rule, changes), name=model.name, watch=watch, **inputs(model.network, read)
    )
    trace = _trace(model, look, axes, result, found)
    for change in changes:
        refuse_places(change, trace)
    if isinstance(watch.follow, Dataflow):
        trace = with_blocks(trace, watch.follow.blocks(found))
    return Ran(trace, result, found)


def by_window(model: VisionModel) -> bool:
    """Does the model look at windows of the picture?"""
    return bool(model.network.config.model_type == "swin")


def hears(model: VisionModel) -> bool:
    """Are the last states of a run heard? Else those of all layers are to be asked for."""
    return model.network.base_model is not model.network or not model.trained


def _watch(model: VisionModel, look: Look, places: int, windows: Windows | None) -> Watch:
    """How a run is followed. Raises `ModelError` for blocks of a model of windows, which are not seen."""
    found = Watch.over(model.network, places, look.values, own(look.on_layer), own(look.stop))
    found = replace(found, states=not hears(model), follow=look.follow)
    if windows is None:
        return found.closer(model) if look.states else found
    if look.states:
        raise ModelError("model_keeps_blocks", model=model.name)
    return replace(found, windows=windows)


def _trace(
    model: VisionModel, look: Look, axes: Mapping[str, Patches], result: Any, found: Mapping[str, Layers]
) -> Trace:
    """The trace of the first map, and those of the others, of a run over a picture."""
    states, answer = last_states(result), None
    if look.predictions and model.trained:
        answer = answer_of("sequence", model.network.config, result, next(iter(axes.values())))
    traces = {}
    for part, axis in axes.items():
        layers = found.get(part, ())
        if _sizes(layers) != {len(axis)}:
            raise ModelError("model_not_by_token", model=model.name)
        last = states if part == list(axes)[-1] and len(states) == len(axis) else states[:0]
        traces[part] = Trace(
            axis, axis, layers, model=model.name, kind="vision", rule=look.rule, outputs=last, part=part,
            changes=look.interventions, answer=answer,
        )  # fmt: skip
    first, *rest = traces
    return replace(traces[first], others={part: traces[part] for part in rest})


def _sizes(layers: Layers) -> set[int]:
    """How many queries and keys the layers have."""
    return {size for one in layers if isinstance(one, Attention) for size in _of(one.queries, one.keys)}


def _of(*sides: Tensor) -> list[int]:
    return [side.shape[-2] for side in sides]
