"""WavLM's attention, which goes through torch's own function, sent through the one that is registered for others.

What stands round it (`modeling_wavlm`) stays as it is: a bias by distance, which each query gates for itself. torch's
function returns the mean of the heads alone; this one has them apart.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.registered import ATTENTION

TYPE = "wavlm"


def attending(network: Any) -> None:
    """Let a WavLM compute its attention by the registered function; other networks are left as they are."""
    if network.config.model_type != TYPE:
        return
    for module in network.modules():
        if type(module).__name__ == "WavLMAttention":
            module.torch_multi_head_self_attention = partial(_attended, module)


def _attended(
    module: Any, hidden_states: Tensor, attention_mask: Tensor | None, gated_position_bias: Tensor
) -> tuple[Tensor, None]:
    """The output of a layer `[sound, frame, width]`; `gated_position_bias` is `[sound x head, query, key]`."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    sides = (module.q_proj, module.k_proj, module.v_proj)
    query, key, value = (side(hidden_states).unflatten(-1, (module.num_heads, -1)).transpose(1, 2) for side in sides)
    bias = gated_position_bias.unflatten(0, (-1, module.num_heads))
    allowed = None if attention_mask is None else attention_mask.to(torch.bool)[:, None, None]
    output, _ = ALL_ATTENTION_FUNCTIONS[ATTENTION](
        module, query, key, value, allowed, scaling=module.scaling, is_causal=False, position_bias=bias
    )
    return module.out_proj(output.flatten(2)), None
