"""Record a model of values over time: who looks at which rows of a table, and what is expected to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnviz.adapter.outputs import Layers, last_states
from attnviz.adapter.series.kinds import PATCHED
from attnviz.adapter.series.opening import expected, rolled
from attnviz.adapter.series.past import Past
from attnviz.adapter.series.reading import distilled, patches, steps
from attnviz.answers import Answer
from attnviz.axes import Axis
from attnviz.core.attention import Attention
from attnviz.core.interventions import ForbidEdge, HideToken, Intervention, check_tokens
from attnviz.errors import AttnvizError, ModelError, SeriesError
from attnviz.guard import guarded, own
from attnviz.models.forecasting import ForecastModel
from attnviz.models.memory import check_series
from attnviz.notices import warn
from attnviz.recording.looks import Look, beyond
from attnviz.recording.record import Watch, changes_of, refuse_places, run
from attnviz.text.tokens import Encoded
from attnviz.trace import Gap, Trace

Made = dict[str, tuple[Axis, Axis, Layers]]  # by the name of a map: its queries, its keys, its layers


def foreseen(model: ForecastModel, table: Any, look: Look, given: Mapping[str, Any]) -> Trace:
    """What does every head do with values over time? Of `given` only `target` may be asked for: what really came.

    Raises `ModelError` for a text in the place of the table, `AttnvizError` for what only a text can be asked for.
    """
    if table is None or isinstance(table, (str, Encoded)):
        raise ModelError("model_forecasts", model=model.name)
    if more := beyond(given, ("target",)):
        raise AttnvizError("series_cannot", model=model.name, what=more)
    if look.states:
        raise ModelError("model_keeps_blocks", model=model.name)
    with guarded(lambda error: ModelError("series_run_failed", model=model.name)):
        read = model.past(table)
        if not isinstance(table, Past):
            warn(read.notes)
        patched = model.network.config.model_type in PATCHED
        if patched and given.get("target") is not None:
            raise AttnvizError("series_cannot", model=model.name, what="target")
        return _of_patches(model, read, look) if patched else _of_steps(model, read, look, given.get("target"))


def _of_patches(model: ForecastModel, read: Past, look: Look) -> Trace:
    """The trace of PatchTST: each channel is a series by itself, with a map of its own, by the same weights."""
    network, axis, many = model.network, patches(model.network.config, read), len(read.names)
    if many > 1 and (named := next((one for one in look.interventions if one.part is not None), None)) is not None:
        raise AttnvizError("no_such_part", part=named.part, parts="self")
    check_tokens(look.interventions, len(axis))
    check_series(network.config, len(axis), 0, many)
    watch = Watch.over(network, len(axis), look.values, own(look.on_layer), own(look.stop))
    watch = replace(watch, texts=many, states=False)  # those of the layers, less the last, are no last ones
    result, found = run(
        network, changes_of(look.rule, look.interventions), name=model.name, watch=watch, **dict[str, Any](read.inputs)
    )
    layers = next(iter(found.values()))
    names = read.names if many > 1 else ("self",)
    each = [layers if many == 1 else tuple(_channel(one, number) for one in layers) for number in range(many)]
    made: Made = {name: (axis, axis, own_layers) for name, own_layers in zip(names, each, strict=True)}
    states = {name: result["hidden_states"][-1][0, number] for number, name in enumerate(names)}
    return _joined(model, look, made, states, _expected(model, read, look, result))


def _channel(layer: Attention | Gap, number: int) -> Attention | Gap:
    """One channel's part of a layer over all of them."""
    if isinstance(layer, Gap):
        return layer

    def pick(tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.ndim < 4:
            return tensor
        return tensor[number if len(tensor) > 1 else 0]

    return replace(
        layer, queries=layer.queries[number], keys=layer.keys[number], values=layer.values[number],
        allowed=pick(layer.allowed), bias=pick(layer.bias),
    )  # fmt: skip


def _of_steps(model: ForecastModel, read: Past, look: Look, target: Any) -> Trace:
    """The trace of an encoder-decoder: the cross map of the steps to come first, those of both sides with it."""
    network, config = model.network, model.network.config
    before, after = steps(config, read)
    changes = by_layer(look.interventions, config)
    check_tokens(changes, len(before), len(after))
    check_series(config, len(before), len(after), 1)
    acting = changes_of(look.rule, changes)
    future = _future(model, read, target, acting)
    inputs: dict[str, Any] = {**read.inputs, "future_values": future}
    watch = Watch.over(network, max(len(before), len(after)), look.values, own(look.on_layer), own(look.stop))
    body = network.base_model
    result, found = run(body, acting, name=model.name, watch=watch, **inputs)
    made, ends = _sides(config, read, found)
    outer = {"encoder": "encoder", "decoder": "decoder", "cross": "decoder"}
    states = {part: last_states(result, outer[part.split()[0]]) for part in made}
    trace = _joined(model, look, made, states, _expected(model, read, look, result))
    if not ends:
        for change in look.interventions:
            refuse_places(change, trace)
    return trace


def by_layer(changes: tuple[Intervention, ...], config: Any) -> tuple[Intervention, ...]:
    """Changes of the map of one layer ("encoder 2") as those of that layer. Raises `AttnvizError` for a change of a
    place that later layers do not have.
    """
    if not halves(config):
        return changes
    found = []
    for one in changes:
        side, _, number = (one.part or "").partition(" ")
        if side == "encoder" and number.isdigit():
            one = replace(one, part="encoder", layers=(int(number) - 1,))
        if (isinstance(one, (HideToken, ForbidEdge)) and one.part in (None, "cross")) or (
            isinstance(one, (HideToken, ForbidEdge)) and one.part == "encoder" and one.layers != (0,)
        ):
            raise AttnvizError("series_distilled", change=str(one))
        found.append(one)
    return tuple(found)


def halves(config: Any) -> bool:
    """Has each layer of the encoder fewer places than the one before?"""
    return bool(getattr(config, "distil", False)) and int(config.encoder_layers) > 1


def _sides(config: Any, read: Past, found: Mapping[str, Layers]) -> tuple[Made, bool]:
    """The maps with their axes, and whether the encoder's layers have one each."""
    before, after = steps(config, read)
    halved = halves(config)
    made: Made = {}
    last: Axis = before
    if halved:
        axes = distilled(config, read)
        for number, layer in enumerate(found["encoder"]):
            made[f"encoder {number + 1}"] = (axes[number], axes[number], (layer,))
        last = axes[len(found["encoder"]) - 1]
    else:
        made["encoder"] = (before, before, found["encoder"])
    made["decoder"], made["cross"] = (after, after, found["decoder"]), (after, last, found["cross"])
    return made, halved


def _future(model: ForecastModel, read: Past, target: Any, changes: Sequence[Intervention]) -> Tensor:
    """What the decoder reads: what really came, else the model's own forecast under the same `changes`, each step
    written after those before.

    Raises `SeriesError` for a target of another shape, or with gaps.
    """
    channels = len(read.names)
    if target is None:
        if model.foresees:
            return rolled(model.network, dict(read.inputs), changes)
        return torch.zeros(1, model.ahead, *([channels] if channels > 1 else []))
    try:
        found = np.asarray(target, np.float32).reshape(model.ahead, channels)
    except Exception as reason:
        raise SeriesError("series_target", rows=model.ahead, columns=channels) from reason
    if not np.isfinite(found).all():
        raise SeriesError("series_target", rows=model.ahead, columns=channels)
    future = torch.from_numpy(found.copy())[None]
    return future if channels > 1 else future[..., 0]


def _expected(model: ForecastModel, read: Past, look: Look, result: Any) -> Answer | None:
    """What a trained head expects of each step to come: the mean and, where it says so, how far it may stray, as a
    deviation and as the quantiles 0.1 and 0.9 of draws.
    """
    if not (look.predictions and model.foresees):
        return None
    said = expected(model.network, result, ends=True)
    parts = {"": said.mean}
    if said.deviation is not None and said.ends is not None:
        parts |= {"± ": said.deviation, "10 % ": said.ends[0], "90 % ": said.ends[1]}
    columns = [one[0].reshape(model.ahead, -1) for one in parts.values()]
    labels = tuple(mark + name for mark in parts for name in read.names)
    ahead = read.spans([(row, row + 1) for row in range(read.rows, read.rows + model.ahead)])
    return Answer("token", torch.cat(columns, -1), labels, ahead, "number")


def _joined(model: ForecastModel, look: Look, made: Made, states: Mapping[str, Tensor], answer: Answer | None) -> Trace:
    """The traces of all maps in one, that of the steps to come to the past first where there is one."""
    traces = {}
    for part, (queries, keys, layers) in made.items():
        sizes = {(one.queries.shape[-2], one.keys.shape[-2]) for one in layers if isinstance(one, Attention)}
        if sizes != {(len(queries), len(keys))}:
            raise ModelError("series_places", model=model.name)
        own_states = states[part]
        traces[part] = Trace(
            queries, keys, layers, model=model.name, kind="series", rule=look.rule, part=part, answer=answer,
            outputs=own_states if len(own_states) == len(queries) else own_states[:0], changes=look.interventions,
        )  # fmt: skip
    first = "cross" if "cross" in traces else next(iter(traces))
    return replace(traces[first], others={part: one for part, one in traces.items() if part != first})
