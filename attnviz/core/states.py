"""The stream of states that a model's blocks read from and add to, and what one attention block adds to it.

    entered ---------------------------------------------------(+)--> left
       '--> norm, queries, keys, values --> heads --> projection -'
                                            added: the projection's output, scaled or normed where the model does that

A run keeps these on request (`record(..., states=True)`); `Trace.block` hands them out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.core.attention import Attention
from attnviz.errors import AttnvizError


@dataclass(frozen=True)
class Projection:
    """What an attention block makes of its heads: sum over heads of head @ weight, + bias. (Vaswani et al. 2017, W_O)

    `weight` is a view of the model's own, so it takes no memory and keeps the model alive.
    """

    weight: Float[Tensor, "head d_value width"]
    bias: Float[Tensor, " width"] | None

    def each(self, heads: Float[Tensor, "head position d_value"]) -> Float[Tensor, "head position width"]:
        """What every head brings to the stream, without the bias."""
        return heads.to(self.weight.dtype) @ self.weight

    def together(self, heads: Float[Tensor, "head position d_value"]) -> Float[Tensor, "position width"]:
        """The sum of what `each` gives, which is not laid out head by head."""
        side_by_side = heads.to(self.weight.dtype).transpose(0, 1).flatten(1)
        return side_by_side @ self.weight.flatten(0, 1)


@dataclass(frozen=True)
class Norm:
    """The layer norm that stands on the stream itself after a block (post-norm models), or RMS norm (`rms`)."""

    weight: Tensor | None
    bias: Tensor | None
    epsilon: float | None
    rms: bool


@dataclass(frozen=True)
class Block:
    """What one attention block did to the stream of states; all states are `[query, width]` (in JetMoe,
    where each query goes to several experts, the sum is seen with a row for each of them).

    `output` is what its projection gave, `added` what was then added to `entered`: the same, unless the model scales it
    (Granite), norms it (Gemma 2) or sends it through the MLP first (Zamba). `left` is the stream after the sum. In
    models whose MLP stands beside the attention (GPT-J, Falcon) it holds the MLP's part too, and `left - entered` is
    more than `added`. Models that norm the stream itself (BERT) go on from `normed`, by `norm`; None elsewhere.

    `projection` is None where heads and output are not a sum over heads apart: `between` names what the model computes
    from the heads before it projects them (a gate, a norm, a difference of two maps), and `read` is what it then
    projected, None where these are the heads themselves. `entered`, `added` and `left` are
    None where the output was seen to be added to nothing that the block had read.
    """

    output: Float[Tensor, "query width"]
    projection: Projection | None
    between: tuple[str, ...] = ()
    read: Float[Tensor, "query columns"] | None = None
    entered: Float[Tensor, "state width"] | None = None
    added: Float[Tensor, "state width"] | None = None
    left: Float[Tensor, "state width"] | None = None
    normed: Float[Tensor, "state width"] | None = None
    norm: Norm | None = None

    @property
    def linear(self) -> Projection:
        """The projection. `AttnvizError` where what the model does between heads and output is not that alone."""
        if self.projection is None:
            raise AttnvizError("block_not_linear", between=", ".join(self.between))
        return self.projection

    @property
    def factor(self) -> float | None:
        """How many times `output` was added; 1 where that could not be seen, None where it was normed before."""
        if self.added is None or self.added is self.output or torch.equal(self.added, self.output):
            return 1.0
        added, output = self.added.double(), self.output.double()
        found = float((added * output).sum() / output.square().sum().clamp_min(1e-30))
        return None if (added - found * output).abs().max() > 1e-4 * added.abs().max() else found

    def transformed(self, attention: Attention) -> Float[Tensor, "head key width"]:
        """f(x_j) of every key: its value through the projection. (Kobayashi et al. 2020, eq. 4)

        Summed over heads and keys with the weights, + the bias, they are `output`. Raises `AttnvizError` for a block
        that is not linear, and where the values were not kept.
        """
        return self.linear_of(attention).each(attention.values)

    def linear_of(self, attention: Attention) -> Projection:
        """The `linear` projection of a call whose values were kept. Raises `AttnvizError` where they were not."""
        if not attention.values.shape[-1]:
            raise AttnvizError("values_not_kept")
        return self.linear
