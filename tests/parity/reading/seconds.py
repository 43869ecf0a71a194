"""Explicit second runs of transformers' own eager network, changed by hooks on a copy that nobody else uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

VALUES = ("value", "v_lin", "v_proj", "v")  # what the projection to values is called
TOGETHER = {"gpt2": "c_attn", "modernbert": "Wqkv", "gpt_neox": "query_key_value"}  # queries, keys, values in one


@contextmanager
def hooked(pairs: list[tuple[torch.nn.Module, Callable[..., Any]]]) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module, hook in pairs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def projections(network: PreTrainedModel, part: str) -> list[torch.nn.Module]:
    """Those that make the values of a map, layer after layer; ALBERT's once for all layers."""
    kind = network.config.model_type
    found = []
    for name, module in network.named_modules():
        last = name.split(".")[-1]
        if last != TOGETHER.get(kind, last) or (kind not in TOGETHER and last not in VALUES):
            continue
        if not isinstance(module, torch.nn.Linear) and type(module).__name__ != "Conv1D":
            continue
        cross = "encoder_attn" in name or "EncDec" in name
        side = "cross" if cross else "decoder" if "decoder." in name else "encoder"
        if part in ("self", side):
            found.append(module)
    return found


def without_value(network: PreTrainedModel, part: str, layer: int, key: int, given: dict[str, Any]) -> Any:
    """Run with the value of one key put to 0 in one layer."""
    kind, found = network.config.model_type, projections(network, part)
    module = found[0 if kind == "albert" else layer]
    calls = [0]

    def zero(module: object, inputs: object, output: Tensor) -> Tensor:
        calls[0] += 1
        if kind == "albert" and calls[0] != layer + 1:
            return output
        output = output.clone()
        if kind == "gpt_neox":
            width = output.shape[-1] // network.config.num_attention_heads
            output.unflatten(-1, (-1, width))[:, key, :, 2 * width // 3 :] = 0
        elif kind in TOGETHER:
            output[:, key, 2 * output.shape[-1] // 3 :] = 0
        else:
            output[:, key] = 0
        return output

    with torch.inference_mode(), hooked([(module, zero)]):
        return network(**given, output_hidden_states=True, use_cache=False)


def with_words(network: PreTrainedModel, ids: Tensor, place: int, fill: Tensor | str, given: dict[str, Any]) -> Any:
    """Run with another embedding at one place of one of the texts: of the form of the table's, or 'mean'."""
    tables = {id(one): one for one in network.modules() if isinstance(one, torch.nn.Embedding)}

    def put(module: object, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if inputs[0].data_ptr() != ids.data_ptr() or output.shape[1] != ids.shape[1]:
            return output
        output = output.clone()
        output[:, place] = output.mean(1) if isinstance(fill, str) else fill
        return output

    with (
        torch.inference_mode(),
        hooked([(one, put) for one in tables.values() if one.num_embeddings == network.config.vocab_size]),
    ):
        return network(**given, use_cache=False)


@contextmanager
def softmax_without(
    monkeypatch: Any, size: tuple[int, int], query: int | list[int], key: int
) -> Iterator[None]:  # fmt: skip
    """Put one weight, or those of several queries, to 0 after every softmax of that size (one more key for a sink)."""
    plain = torch.nn.functional.softmax

    def cut(scores: Tensor, *args: Any, **more: Any) -> Tensor:
        weights = plain(scores, *args, **more)
        if weights.ndim == 4 and weights.shape[-2] == size[0] and weights.shape[-1] in (size[1], size[1] + 1):
            weights = weights.clone()
            weights[..., query, key] = 0
        return weights

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "softmax", cut)
        yield
