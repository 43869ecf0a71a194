"""How far are recorded weights from those that eager attention returned?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from attnviz import Attention
from attnviz.adapter.outputs import RETURNED, Layers
from attnviz.adapter.registered import BY_DISTANCE

# The sinks of this type take their share after the softmax: eager returns the weights as they were before.
SINK_AFTERWARDS = {"granite_swa", "granitemoe_swa"}


def reference(eager: PreTrainedModel, plain: Any, part: str, name: str, picture: Tensor | None = None) -> list[Tensor]:
    """The weights that eager attention returned for one map, by name; of a tower that returns none by asking it."""
    for returned, names in RETURNED.items():
        if names == part and plain.get(returned):
            found = [layer for layer in plain[returned] if layer is not None]
            return found if BY_DISTANCE.get(name) != part else [_by_key(layer) for layer in found]
    if f"{part}_output" in plain:
        return list(plain[f"{part}_output"].attentions)
    if part == "language_model":
        return list(plain.attentions)
    with torch.inference_mode():
        tower = eager.get_submodule(part)(picture, output_attentions=True)
    return list(tower.attentions)


def _by_key(weights: Tensor) -> Tensor:
    """Weights `[1, head, query, distance]` with a column for each key instead, one query after the other."""
    tokens, reach = weights.shape[-2], weights.shape[-1] // 2
    found = weights.new_zeros(*weights.shape[:-1], tokens)
    for query in range(tokens):
        for key in range(max(0, query - reach), min(tokens, query + reach + 1)):
            found[..., query, key] = weights[..., query, key - query + reach]
    return found


def as_returned(layers: Layers, name: str) -> Layers:
    """The layers as eager attention returns them: for some types without their sinks."""
    if name not in SINK_AFTERWARDS:
        return layers
    return tuple(replace(layer, sink=None) if isinstance(layer, Attention) else layer for layer in layers)


def gap(layers: Layers, reference: list[Tensor]) -> float:
    """The worst difference in one map. A layer without attention may return its state (MiniMax), or nothing."""
    if len(reference) == len(layers):
        reference = [theirs for ours, theirs in zip(layers, reference, strict=True) if isinstance(ours, Attention)]
    ours = [layer for layer in layers if isinstance(layer, Attention)]
    return max(worst(mine.weights, theirs[0]) for mine, theirs in zip(ours, reference, strict=True))


def worst(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two tensors, which must have one shape and no NaN."""
    assert ours.shape == theirs.shape, f"{tuple(ours.shape)} and {tuple(theirs.shape)}"
    gap = float((ours - theirs).abs().max())
    assert gap == gap, "NaN"
    return gap


def outputs(result: Mapping[str, Any]) -> list[Tensor]:
    """All that a model computes for its users: states, logits, embeddings, those of its towers too."""
    found = []
    for name, value in result.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            found.append(value)
        elif isinstance(value, Mapping) and name != "past_key_values":
            found += outputs(value)
    return found
