"""Every kind of model as a tiny random network, read by `run` and by transformers' own eager attention.

`python -m tests.parity.architectures` prints what `test_architectures.py` holds.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM, PreTrainedConfig, PreTrainedModel

from attnviz import Attention, ModelError
from attnviz.adapter.outputs import Layers
from attnviz.adapter.registered import ATTENTION, EAGER_TYPES, register
from attnviz.recording.record import run
from attnviz.trace import Gap
from tests.parity.architectures import other, text
from tests.parity.architectures.compare import as_returned, gap, outputs, reference, worst
from tests.parity.architectures.text import Numbers

SPREAD = 0.2  # of random weights: wide enough that a wrong scale or mask moves the attention by far more than 1e-5
OWN_SPREAD = {"mobilebert": 0.05, "mt5": 0.1, "t5": 0.1, "umt5": 0.1}  # whose values grow from layer to layer
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
    network = _maker(architecture).from_config(configuration(architecture), attn_implementation=way)
    return spread_out(network.float().eval(), architecture.name)


def spread_out(network: PreTrainedModel, name: str) -> PreTrainedModel:
    """The network with other random weights, the same each time: its own are too close to 0 to move attention."""
    dice, spread = torch.Generator().manual_seed(1), OWN_SPREAD.get(name, SPREAD)
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
        gap(as_returned(layers, name), reference(eager, plain, part, name, architecture.inputs.get("pixel_values")))
        for part, layers in found.items()
    )
    output = max(worst(ours, theirs) for ours, theirs in zip(outputs(result), outputs(plain), strict=True))
    sizes = {part: _size(layers) for part, layers in found.items()}
    holes = {n: one.reason for layers in found.values() for n, one in enumerate(layers) if isinstance(one, Gap)}
    return Measured(architecture, "attend" if way == ATTENTION else "eager", sizes, holes, weights, output)


def _size(layers: Layers) -> tuple[int, int]:
    """Layers and heads."""
    return len(layers), max(layer.n_heads for layer in layers if isinstance(layer, Attention))
