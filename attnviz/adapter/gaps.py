"""Layers without attention: where they stand among the others, and what they hold in its place."""

from __future__ import annotations

import re

import torch

from attnviz.core.attention import Attention
from attnviz.trace import Gap

# What a layer without attention holds, by its class name: the message that says why nothing is drawn.
GAPS = (
    ("state_space", re.compile(r"[mb]amba|ssm|rwkv|rglru|recurrent|lstm", re.I)),
    ("linear", re.compile(r"linear_?att|delta_?(net|rule|att)|retention|lightning|kda|gla\b", re.I)),
    ("convolution", re.compile(r"conv|hyena", re.I)),
)
# What whole models do instead of attention. Convolutions are not among it: most models have one beside their attention.
INSTEAD = re.compile("|".join([*(kind.pattern for _, kind in GAPS[:2]), "fourier", "pooling"]), re.I)
WHOLE = re.compile(r"(Model|LMHead|For[A-Z]\w*|Norm)$")  # classes that bear such a name, but are the model or a trifle


def with_gaps(network: torch.nn.Module, stack: str, found: dict[int, Attention | Gap]) -> tuple[Attention | Gap, ...]:
    """The layers in order; a layer that made no call is a gap, named by what it holds."""
    blocks = _blocks(network, stack)
    count = max(len(blocks), max(found) + 1)
    return tuple(found[layer] if layer in found else _gap(blocks[layer]) for layer in range(count))


def _blocks(network: torch.nn.Module, stack: str) -> list[torch.nn.Module]:
    """The layers that a stack's name runs over; none where it runs over more than one list."""
    if stack.count("*") != 1:
        return []
    try:
        return list(network.get_submodule(stack.split(".*")[0]).children())
    except AttributeError:
        return []


def _gap(block: torch.nn.Module) -> Gap:
    """Why a layer has no attention weights, by the classes of what it holds."""
    kinds = [class_of(one) for one in block.modules() if not type(one).__module__.startswith("torch.")]
    for reason, pattern in GAPS:
        for kind in kinds:
            if pattern.search(kind):
                return Gap(reason, kind)
    return Gap("other", kinds[0])


def instead(network: torch.nn.Module) -> str | None:
    """What does a model without attention have in its place? The name of a class, or None where nothing is known."""
    kinds = [kind for kind in map(class_of, network.modules()) if not WHOLE.search(kind)]
    return next((kind for kind in kinds if INSTEAD.search(kind)), None)


def class_of(module: torch.nn.Module) -> str:
    """What is it, by its class?"""
    return type(module).__name__
