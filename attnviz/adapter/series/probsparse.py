"""Informer's ProbSparse attention, sent through the function that is registered for others (Zhou et al. 2021, sec. 3).

Of all queries only the u with the largest measure M look at all keys, where M is the largest product less the mean one,
over keys drawn at random. The others do not look: in the encoder they take the mean of all values, in the decoder the
sum of those so far. Their rows are not allowed, which is something else than a weight of 0.

transformers draws the keys by torch's own numbers, so that two runs differ; here each layer has numbers of its own.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.registered import ATTENTION


def attending(network: Any) -> None:
    """Let an Informer compute its sparse attention by the registered function; others are left as they are."""
    for module in network.modules():
        if type(module).__name__ == "InformerProbSparseAttention":
            module.forward = partial(_forward, module)


def drawn(keys: int, count: int) -> Tensor:
    """Which keys are compared, `count` of them, with repetition: the same for the same sizes."""
    return torch.randint(0, keys, (count,), generator=torch.Generator().manual_seed(0))


def active(query: Tensor, key: Tensor, factor: int) -> Tensor:
    """Which queries look, `[series, head, query]`: those with the largest measure. `query` is scaled."""
    queries, keys = query.shape[-2], key.shape[-2]
    compared = min(factor * queries * math.ceil(math.log1p(keys)), keys)
    looking = min(factor * math.ceil(math.log1p(queries)), queries)
    products = query @ key[..., drawn(keys, compared).to(key.device), :].transpose(-1, -2)
    measure = products.amax(-1) - products.sum(-1) / keys
    found = torch.zeros(measure.shape, dtype=torch.bool, device=query.device)
    return found.scatter(-1, measure.topk(looking, sorted=False).indices, True)


def _forward(
    module: Any, hidden_states: Tensor, key_value_states: Tensor | None = None, past_key_values: Any = None,
    attention_mask: Tensor | None = None, **more: object,
) -> tuple[Tensor, None]:  # fmt: skip
    """What the class does with one series as a whole: no step is cached."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    query, key, value = (
        side(hidden_states).unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
        for side in (module.q_proj, module.k_proj, module.v_proj)
    )
    looking = active(query * module.scaling, key, module.factor)
    allowed = looking[..., None].expand(*query.shape[:-1], key.shape[-2])
    if module.is_decoder:  # each step looks at those up to it
        allowed = allowed & torch.ones(allowed.shape[-2:], dtype=torch.bool, device=allowed.device).tril()
    output, _ = ALL_ATTENTION_FUNCTIONS[ATTENTION](
        module, query, key, value, allowed, scaling=module.scaling, is_causal=False
    )
    rest = value.cumsum(-2) if module.is_decoder else value.mean(-2, keepdim=True).expand_as(value)
    whole = torch.where(looking.transpose(1, 2)[..., None], output, rest.transpose(1, 2))
    return module.out_proj(whole.flatten(2)), None
