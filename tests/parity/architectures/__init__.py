"""Every kind of model as a tiny random network, read by `run` and by transformers' own eager attention.

`python -m tests.parity.architectures` prints what `test_architectures.py` holds.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM, PreTrainedConfig, PreTrainedModel

from attnviz import Attention, ModelError
from attnviz.adapter.outputs import RETURNED, Layers
from attnviz.adapter.registered import ATTENTION, BY_DISTANCE, EAGER_TYPES, register
from attnviz.recording.record import run
from attnviz.trace import Gap
from tests.parity.architectures import other, text
from tests.parity.architectures.text import Numbers

SPREAD = 0.2  # of random weights: wide enough that a wrong scale or mask moves the attention by far more than 1e-5
OWN_SPREAD = {"mobilebert": 0.05, "mt5": 0.1, "t5": 0.1, "umt5": 0.1}  # whose values grow from layer to layer
# The sinks of this type take their share after the softmax: eager returns the weights as they were before.
SINK_AFTERWARDS = {"granite_swa"}
Inputs = Mapping[str, Tensor]


def random(*shape: int) -> Tensor:
    """The same random numbers on every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


IDS = torch.tensor([[1, 5, 17, 30, 8, 44, 8, 60, 71, 12, 90, 33]])
REPLY = {"decoder_input_ids": torch.tensor([[2, 7, 19, 33, 4]])}
TEXT, IMAGE = {"input_ids": IDS}, {"pixel_values": random(1, 3, 32, 32)}
FILM, WAVE = {"pixel_values": random(1, 4, 3, 32, 32)}, {"input_values": random(1, 400)}


@dataclass(frozen=True)
class Architecture:
    """A type of model with its tiny numbers and what it reads; `refused` is the id of the sentence a person gets."""

    name: str
    family: str
    numbers: Numbers
    inputs: Inputs
    refused: str | None = None


@dataclass(frozen=True)
class Measured:
    """What came of one type: how it is read, `sizes` (layers, heads) of each map, the worst gaps to eager.

    `holes` are the layers without attention in any map, with their reasons.
    """

    architecture: Architecture
    way: str
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    holes: Mapping[int, str] = field(default_factory=dict)
    weights: float = 0.0
    output: float = 0.0
    refusal: ModelError | None = None


def _all() -> list[Architecture]:
    """All types, readable and refused, family by family."""
    spectrum = {"input_values": random(1, 32, 16)}
    groups: list[tuple[str, Mapping[str, Numbers], Inputs]] = [
        ("text encoder", text.ENCODERS, TEXT),
        ("decoder", text.DECODERS, TEXT),
        ("mixture of experts", text.MIXTURES, TEXT),
        ("hybrid", text.HYBRIDS, TEXT),
        ("encoder-decoder", other.ENCODER_DECODERS, {**TEXT, **REPLY}),
        ("vision", other.VISION, IMAGE),
        ("vision", other.FILMS, FILM),
        ("audio", other.WAVES, WAVE),
        ("audio", other.SPECTRA, spectrum),
        ("audio", other.HEARERS, {"input_features": random(1, 8, 32), **REPLY}),
        ("audio", other.LISTENERS, {"input_features": random(1, 32, 8), **REPLY}),
        ("image and text", other.TOWERS, {**TEXT, **IMAGE}),
        ("image and text", other.WRITERS, {"input_ids": torch.cat([torch.full((1, 16), 98), IDS], 1), **IMAGE}),
    ]
    found = [Architecture(name, family, n, i) for family, types, i in groups for name, n in types.items()]
    wide = {"pixel_values": random(1, 3, 64, 64)}
    refused: list[tuple[str, Mapping[str, tuple[str, Numbers]], Inputs]] = [
        ("text encoder", text.NO_ENCODERS, TEXT),
        ("decoder", text.NO_DECODERS, TEXT),
        ("vision", other.NO_VISION, wide),
    ]
    for family, types, inputs in refused:
        found += [Architecture(name, family, n, inputs, sentence) for name, (sentence, n) in types.items()]
    return found


ARCHITECTURES = {architecture.name: architecture for architecture in _all()}


def build(architecture: Architecture, way: str) -> PreTrainedModel:
    """The network with random weights that depend on the architecture alone."""
    torch.manual_seed(0)
    network = _maker(architecture).from_config(configuration(architecture), attn_implementation=way).float().eval()
    dice, spread = torch.Generator().manual_seed(1), OWN_SPREAD.get(architecture.name, SPREAD)
    for weights in network.parameters():
        noise = torch.randn(weights.shape, generator=dice)
        weights.data = spread * noise if weights.ndim > 1 else weights.data + 0.1 * noise
    return network


def configuration(architecture: Architecture) -> PreTrainedConfig:
    """A configuration of its own, since building a network writes into it."""
    return AutoConfig.for_model(architecture.name, **copy.deepcopy(architecture.numbers))


def _maker(architecture: Architecture) -> type[Any]:
    """The class that makes the network: the bare model, or the one that writes where there is no bare one."""
    return AutoModel if type(configuration(architecture)) in AutoModel._model_mapping else AutoModelForSeq2SeqLM


def way_of(architecture: Architecture) -> str:
    """How would `load` have it read?"""
    found = _maker(architecture)._model_mapping[type(configuration(architecture))]
    classes = found if isinstance(found, (tuple, list)) else (found,)
    reachable = all(one._can_set_attn_implementation() for one in classes)
    return ATTENTION if reachable and architecture.name not in EAGER_TYPES else "eager"


@cache
def measure(name: str) -> Measured:
    """How far is `run` from eager attention, in every head of every map, and in everything that the model gives?"""
    architecture = ARCHITECTURES[name]
    register()
    way = way_of(architecture)
    network, eager = build(architecture, way), build(architecture, "eager")
    torch.manual_seed(0)  # some choose patches by chance
    try:
        result, found = run(network, eager=way == "eager", name=name, **architecture.inputs)
    except ModelError as refusal:
        return Measured(architecture, "not", refusal=refusal)
    torch.manual_seed(0)
    with torch.inference_mode():
        plain = eager(**architecture.inputs, output_attentions=True, use_cache=False)
    weights = max(
        _gap(_as_returned(layers, name), _reference(eager, plain, part, architecture)) for part, layers in found.items()
    )
    output = max(_worst(ours, theirs) for ours, theirs in zip(_outputs(result), _outputs(plain), strict=True))
    sizes = {part: _size(layers) for part, layers in found.items()}
    holes = {n: one.reason for layers in found.values() for n, one in enumerate(layers) if isinstance(one, Gap)}
    return Measured(architecture, "attend" if way == ATTENTION else "eager", sizes, holes, weights, output)


def _size(layers: Layers) -> tuple[int, int]:
    """Layers and heads."""
    return len(layers), max(layer.n_heads for layer in layers if isinstance(layer, Attention))


def _reference(eager: PreTrainedModel, plain: Any, part: str, architecture: Architecture) -> list[Tensor]:
    """The weights that eager attention returned for one map, by name; of a tower that returns none by asking it."""
    for name, names in RETURNED.items():
        if names == part and plain.get(name):
            found = [layer for layer in plain[name] if layer is not None]
            return found if BY_DISTANCE.get(architecture.name) != part else [_by_key(layer) for layer in found]
    if f"{part}_output" in plain:
        return list(plain[f"{part}_output"].attentions)
    if part == "language_model":
        return list(plain.attentions)
    with torch.inference_mode():
        tower = eager.get_submodule(part)(architecture.inputs["pixel_values"], output_attentions=True)
    return list(tower.attentions)


def _by_key(weights: Tensor) -> Tensor:
    """Weights `[1, head, query, distance]` with a column for each key instead, one query after the other."""
    tokens, reach = weights.shape[-2], weights.shape[-1] // 2
    found = weights.new_zeros(*weights.shape[:-1], tokens)
    for query in range(tokens):
        for key in range(max(0, query - reach), min(tokens, query + reach + 1)):
            found[..., query, key] = weights[..., query, key - query + reach]
    return found


def _as_returned(layers: Layers, name: str) -> Layers:
    """The layers as eager attention returns them: for some types without their sinks."""
    if name not in SINK_AFTERWARDS:
        return layers
    return tuple(replace(layer, sink=None) if isinstance(layer, Attention) else layer for layer in layers)


def _gap(layers: Layers, reference: list[Tensor]) -> float:
    """The worst difference in one map. A layer without attention may return its state (MiniMax), or nothing."""
    if len(reference) == len(layers):
        reference = [theirs for ours, theirs in zip(layers, reference, strict=True) if isinstance(ours, Attention)]
    ours = [layer for layer in layers if isinstance(layer, Attention)]
    return max(_worst(mine.weights, theirs[0]) for mine, theirs in zip(ours, reference, strict=True))


def _worst(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two tensors, which must have one shape and no NaN."""
    assert ours.shape == theirs.shape, f"{tuple(ours.shape)} and {tuple(theirs.shape)}"
    gap = float((ours - theirs).abs().max())
    assert gap == gap, "NaN"
    return gap


def _outputs(result: Mapping[str, Any]) -> list[Tensor]:
    """All that a model computes for its users: states, logits, embeddings, those of its towers too."""
    found = []
    for name, value in result.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            found.append(value)
        elif isinstance(value, Mapping) and name != "past_key_values":
            found += _outputs(value)
    return found
