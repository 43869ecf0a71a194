"""What every type's attention blocks add to the stream: `python -m tests.parity.architectures --states` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from attnviz import Attention
from attnviz.adapter.registered import ATTENTION, register
from attnviz.core.states import Block
from attnviz.recording.dataflow import Dataflow
from attnviz.recording.record import Watch, run
from tests.parity.architectures import ARCHITECTURES, build, way_of

FOLLOWED = [name for name, one in ARCHITECTURES.items() if one.refused is None and way_of(one) == ATTENTION]


@dataclass(frozen=True)
class Stream:
    """One type: the worst gap between heads through the projection and the output, and of the sum with the stream.

    `between` is what stands between heads and projection where that is more than a sum; `beside` counts the blocks to
    whose sum an MLP brings its part, `shaped` those whose output is scaled or normed first, `lost` those without a sum.
    """

    name: str
    blocks: int
    heads: float
    sums: float
    between: tuple[str, ...]
    beside: int
    shaped: int
    lost: int


@cache
def stream(name: str) -> Stream:
    """Run one type with its states kept."""
    architecture, flow = ARCHITECTURES[name], Dataflow()
    register()
    network = build(architecture, ATTENTION)
    torch.manual_seed(0)
    _, found = run(network, name=name, watch=Watch(follow=flow), **architecture.inputs)
    blocks = flow.blocks(found)
    pairs = [
        (layer, block)
        for part, layers in found.items()
        for layer, block in zip(layers, blocks[part], strict=True)
        if isinstance(layer, Attention)
    ]
    sums = [_sum(block) for _, block in pairs if block is not None and block.left is not None]
    heads = [_heads(layer, block) for layer, block in pairs if block is not None and block.projection is not None]
    between = next((one.between for _, one in pairs if one is not None and one.projection is None), ())
    return Stream(
        name, len(pairs), max(heads, default=0.0), max((gap for gap in sums if gap < 1e-3), default=0.0), between,
        beside=sum(gap >= 1e-3 for gap in sums),
        shaped=sum(one is not None and one.added is not one.output for _, one in pairs),
        lost=sum(one is None or one.left is None for _, one in pairs),
    )  # fmt: skip


def _heads(layer: Attention, block: Block) -> float:
    """Weights x transformed values, summed one head and one key after the other, against the block's output."""
    f, weights = block.transformed(layer).double(), layer.weights.double()
    total: Tensor = torch.zeros_like(block.output, dtype=torch.float64)
    for head in range(layer.n_heads):
        for key in range(weights.shape[-1]):
            total += weights[head, :, key, None] * f[head, key]
    if block.linear.bias is not None:
        total += block.linear.bias.double()
    return float((total - block.output).abs().max())


def _sum(block: Block) -> float:
    assert block.entered is not None and block.added is not None and block.left is not None
    if block.entered.shape != block.added.shape:
        return float("inf")
    return float((block.entered + block.added - block.left).abs().max())
