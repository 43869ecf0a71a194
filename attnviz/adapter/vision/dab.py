"""DAB-DETR's attention, which transformers computes by itself, sent through the function that is registered for others.

What stands round it (`modeling_dab_detr`) stays as it is: a module of attention alone is given another `forward`, once
after it was loaded, which does the same sum.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor

from attnviz.adapter.registered import ATTENTION

TYPE = "dab-detr"


def attends(config: Any) -> bool:
    """Is this a type whose attention is sent through ours although transformers keeps it to itself?"""
    return bool(config.model_type == TYPE)


def attending(network: Any) -> None:
    """Let a DAB-DETR compute its attention by the registered function; other networks are left as they are."""
    if not attends(network.config):
        return
    for module in network.modules():
        if type(module).__name__ == "DetrAttention":
            module.forward = partial(_among_places, module)
        elif type(module).__name__ == "DabDetrAttention":
            module.forward = partial(_of_queries, module)


def _among_places(
    module: Any, hidden_states: Tensor, attention_mask: Tensor | None = None, object_queries: Tensor | None = None,
    **more: object,
) -> tuple[Tensor, None]:  # fmt: skip
    """Between the places of the encoder; where each is counts for queries and keys, not for values."""
    placed = hidden_states if object_queries is None else hidden_states + object_queries
    sides = module.q_proj(placed), module.k_proj(placed), module.v_proj(hidden_states)
    query, key, value = (_by_head(side, module.num_heads) for side in sides)
    return module.out_proj(_attended(module, query, key, value, attention_mask)), None


def _of_queries(
    module: Any, hidden_states: Tensor, attention_mask: Tensor | None = None, key_states: Tensor | None = None,
    value_states: Tensor | None = None, output_attentions: bool | None = None,
) -> tuple[Tensor, None]:  # fmt: skip
    """Between queries, or from queries to places; all three sides were projected before."""
    sides = hidden_states, key_states, value_states
    query, key, value = (_by_head(side, module.attention_heads) for side in sides)
    return module.output_proj(_attended(module, query, key, value, attention_mask)), None


def _by_head(states: Tensor | None, heads: int) -> Tensor:
    """States `[picture, place, width]` by head, `[picture, head, place, d]`."""
    assert states is not None
    found: Tensor = states.unflatten(-1, (heads, -1)).transpose(1, 2)
    return found


def _attended(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """What the registered function makes of them, heads side by side again."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    output, _ = ALL_ATTENTION_FUNCTIONS[ATTENTION](
        module, query, key, value, mask, scaling=module.scaling, is_causal=False
    )
    found: Tensor = output.flatten(2)
    return found
