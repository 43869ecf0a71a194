"""Record a model that finds things in a picture: its places, its queries, and where each query looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.machine import home
from attnviz.adapter.outputs import Layers, last_states
from attnviz.adapter.vision.detectors import encoded, found_by, n_slots, sides, slots_of, strides
from attnviz.adapter.vision.reading import inputs
from attnviz.adapter.vision.sampled import check_points, n_levels, points
from attnviz.axes import Axis
from attnviz.core.attention import Attention, Sampled
from attnviz.core.interventions import check_tokens
from attnviz.errors import ModelError
from attnviz.guard import own
from attnviz.models.finding import DetectionModel
from attnviz.models.memory import check_picture
from attnviz.pictures import Seen
from attnviz.recording.looks import Look
from attnviz.recording.record import Watch, changes_of, refuse_places, run
from attnviz.trace import Gap, Trace

ANSWERS = "cross"  # the map that comes first, where there is one: what each query looked at


def detected(model: DetectionModel, read: Seen, look: Look) -> tuple[Trace, Any, Mapping[str, Layers]]:
    """The trace of a run over a picture: of YOLOS one map, of the others the cross map and the two beside it. With it
    what the network returned, and the layers of each map.

    Raises `ModelError` for blocks, which are not seen in a detector.
    """
    if look.states:
        raise ModelError("model_keeps_blocks", model=model.name)
    network, axis, slots = model.network, encoded(model.network.config, read), n_slots(model.network.config)
    two_sided, places = network.config.model_type != "yolos", len(axis)
    if points(network.config):
        check_points(look.interventions, network.config, places, slots)
    else:
        check_tokens(look.interventions, places, slots if two_sided else None)
    check_picture(network.config, {"encoder": places, "decoder": slots} if two_sided else {"self": places})
    watch = Watch.over(network, max(places, slots), look.values, own(look.on_layer), own(look.stop))
    watch = replace(watch, follow=look.follow)
    result, found = run(
        network, changes_of(look.rule, look.interventions), name=model.name, watch=watch, **inputs(network, read)
    )
    trace = _trace(model, read, axis, look, result, found)
    for change in look.interventions:
        refuse_places(change, trace)
    return trace, result, found


def _trace(
    model: DetectionModel, read: Seen, places: Axis, look: Look, result: Any, found: Mapping[str, Layers]
) -> Trace:
    """The traces of all maps in one, each side with what its places stand for; `places` are those of the encoder."""
    config, slots = model.network.config, slots_of(model.network.config, result, read)
    answer = found_by(config, result, slots) if look.predictions else None
    traces = {}
    for part, (queries, keys) in sides(config, places, slots).items():
        layers = tuple(_on_picture(one, config, read) for one in found.get(part, ()))
        if _sizes(layers) != {(len(queries), len(keys))}:
            raise ModelError("model_not_by_token", model=model.name)
        traces[part] = Trace(
            queries, keys, layers, model=model.name, kind="vision", rule=look.rule, outputs=_states(part, result),
            part=part, changes=look.interventions, answer=answer,
        )  # fmt: skip
    first = ANSWERS if ANSWERS in traces else next(iter(traces))
    return replace(traces[first], others={part: one for part, one in traces.items() if part != first})


def _states(part: str, result: Any) -> Tensor:
    """The last hidden states of the queries of a map; none of an encoder that hands on features of several sizes."""
    if part == "self":
        return last_states(result)
    name = "encoder_last_hidden_state" if part == "encoder" else "last_hidden_state"
    states: Any = result.get(name)
    if isinstance(states, list | tuple):
        return torch.zeros(0, 0)
    side = "encoder" if part == "encoder" else "decoder"
    found: Tensor = last_states(result, side) if states is None else states[0]
    return found


def _on_picture(layer: Attention | Gap, config: Any, read: Seen) -> Attention | Gap:
    """A layer as it is kept: points in pixels of the picture as it was brought, without the gate of their heads."""
    if not isinstance(layer, Sampled):
        return layer
    rows, columns = read.values.shape[1:]
    levels = n_levels(config)
    cells = torch.tensor(strides(config, levels), dtype=torch.float32).repeat_interleave(layer.keys.shape[-2] // levels)
    scale = cells[:, None] * torch.tensor([read.picture.width / columns, read.picture.height / rows])
    return replace(layer, values=layer.values[..., :0], places=home(layer.places) * scale)


def _sizes(layers: Layers) -> set[tuple[int, int]]:
    """How many queries and keys the layers have."""
    return {(one.queries.shape[-2], one.keys.shape[-2]) for one in layers if isinstance(one, Attention)}
