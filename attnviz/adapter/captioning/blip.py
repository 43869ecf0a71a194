"""BLIP's attention, which transformers computes by itself, sent through the function that is registered for others.

What stands round it (`modeling_blip`, `modeling_blip_text`) stays as it is: a module of attention alone is given
another `forward`, once after it was loaded, which does the same sum.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.registered import ATTENTION


def attending(network: Any) -> None:
    """Let a BLIP compute its attention by the registered function."""
    for module in network.modules():
        if type(module).__name__ == "BlipAttention":
            module.forward = partial(_of_patches, module)
        elif type(module).__name__ == "BlipTextSelfAttention":
            module.forward = partial(_of_words, module)


def _of_patches(module: Any, hidden_states: Tensor, **more: object) -> tuple[Tensor, None]:
    """Between the patches of the picture; query, key and value come from one matrix."""
    batch, places, _ = hidden_states.shape
    sides = module.qkv(hidden_states).reshape(batch, places, 3, module.num_heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = sides
    return module.projection(_attended(module, query, key, value, None, module.scale)), None


def _of_words(
    module: Any, hidden_states: Tensor, attention_mask: Tensor | None = None,
    encoder_hidden_states: Tensor | None = None, encoder_attention_mask: Tensor | None = None,
    past_key_values: Any = None, **more: object,
) -> tuple[Tensor, None]:  # fmt: skip
    """Between words, or from words to what an encoder read."""
    crossed = encoder_hidden_states is not None
    query = _by_head(module, module.query(hidden_states))
    kept, known = _cache(module, past_key_values, crossed)
    if known:
        key, value = kept.layers[module.layer_idx].keys, kept.layers[module.layer_idx].values
    else:
        read = encoder_hidden_states if crossed else hidden_states
        key, value = _by_head(module, module.key(read)), _by_head(module, module.value(read))
        if kept is not None:
            key, value = kept.update(key, value, module.layer_idx)
            if crossed:
                past_key_values.is_updated[module.layer_idx] = True
    mask = encoder_attention_mask if crossed else attention_mask
    scale = module.attention_head_size**-0.5
    return _attended(module, query, key, value, _may(mask), scale), None


def _cache(module: Any, past: Any, crossed: bool) -> tuple[Any, bool]:
    """What is kept from earlier steps, and are the keys of a cross attention there already?"""
    if past is None:
        return None, False
    if not hasattr(past, "is_updated"):
        return past, False
    kept = past.cross_attention_cache if crossed else past.self_attention_cache
    return kept, crossed and bool(past.is_updated.get(module.layer_idx))


def _may(mask: Tensor | None) -> Tensor | None:
    """Who may look at whom, of what is added to the scores: 0, or a very negative number."""
    return mask if mask is None or mask.dtype == torch.bool else mask > -1.0


def _by_head(module: Any, states: Tensor) -> Tensor:
    """States `[text, token, width]` by head, `[text, head, token, d]`."""
    found: Tensor = states.unflatten(-1, (-1, module.attention_head_size)).transpose(1, 2)
    return found


def _attended(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """What the registered function makes of them, heads side by side again."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    output, _ = ALL_ATTENTION_FUNCTIONS[ATTENTION](module, query, key, value, mask, scaling=scale, is_causal=False)
    found: Tensor = output.flatten(2)
    return found
