"""Weights in whatever arrangement they came: a layer each, `[head, query, key]`, as float32 on the CPU."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from attnviz.errors import AttnvizError

Layer = Float[Tensor, "head query key"]
# transformers' names (with or without "_attentions"), and what a dictionary of one's own may say.
PARTS = {
    "attentions": "self", "self": "self",
    "encoder_attentions": "encoder", "encoder": "encoder",
    "decoder_attentions": "decoder", "decoder": "decoder",
    "cross_attentions": "cross", "cross": "cross",
}  # fmt: skip
LENS = re.compile(r"(blocks|encoder|decoder)\.(\d+)\.(attn|cross_attn)\.hook_pattern")  # a cache of TransformerLens
LOOSE, CLOSE = 2e-2, 1e-3  # how far a row of 16-bit, and of other numbers, may sum from 1 (worst seen 1e-2 in bfloat16)


def by_part(given: Any) -> dict[str, Any] | None:
    """The weights of each stack by name where `given` is a dictionary, an output of transformers or a cache; else None.

    Raises `AttnvizError` for one that holds no weights.
    """
    if not callable(getattr(given, "items", None)) or isinstance(given, Tensor):
        return None
    entries = dict(given.items())
    found = {PARTS[name]: value for name, value in entries.items() if name in PARTS and _is_there(value)}
    found = found or _of_cache(entries)
    if not found:
        raise AttnvizError("given_nothing")
    if "cross" in found and "self" in found:  # GPT-2 as the decoder of something else
        found["decoder"] = found.pop("self")
    return found


def _is_there(value: Any) -> bool:
    """Are these weights? transformers leaves a stack out, or puts None or nothing in its place."""
    return any(one is not None for one in value) if isinstance(value, tuple | list) else value is not None


def _of_cache(entries: Mapping[Any, Any]) -> dict[str, Any]:
    """The patterns of a TransformerLens cache, in the order of their layers."""
    found: dict[str, dict[int, Any]] = {}
    for name, value in entries.items():
        if hit := LENS.fullmatch(str(name)):
            stack = "cross" if hit[3] == "cross_attn" else {"blocks": "self"}.get(hit[1], hit[1])
            found.setdefault(stack, {})[int(hit[2])] = value
    return {part: [layers[number] for number in sorted(layers)] for part, layers in found.items()}


def layers_of(given: Any, batch: int | None) -> list[Layer | None]:
    """A layer each, None where a model returned none for it.

    A sequence of arrays has one for each layer, `[batch, head, query, key]`, `[head, query, key]` or `[query, key]`; a
    single array is `[query, key]`, `[head, query, key]`, `[layer, head, query, key]` (`[batch, head, query, key]` where
    `batch` is given) or `[layer, batch, head, query, key]`. Raises `AttnvizError` for anything else.
    """
    if isinstance(given, Sequence) and not isinstance(given, str) and any(map(_is_array, given)):
        return [None if one is None else _layer(_tensor(one), batch) for one in given]
    if isinstance(given, Sequence) and given and all(one is None for one in given):
        raise AttnvizError("given_nothing")
    if isinstance(given, Sequence) and any(isinstance(one, tuple) and any(map(_is_array, one)) for one in given):
        raise AttnvizError("given_by_step", steps=len(given))
    whole = _tensor(given)
    if whole.ndim == 5 or (whole.ndim == 4 and batch is None):
        return [_layer(one, batch) for one in whole]
    return [_layer(whole, batch)]


def _is_array(one: object) -> bool:
    """Is it a tensor or an array, of whatever library?"""
    return hasattr(one, "shape") and hasattr(one, "dtype")


def _tensor(given: Any) -> Tensor:
    """An array of any library, or nested lists, as a tensor of its own kind of numbers. Raises `AttnvizError`."""
    import numpy as np

    try:
        found = given.detach() if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
    except (TypeError, ValueError, RuntimeError) as error:  # text, rows of different lengths, objects
        raise AttnvizError("given_unreadable", kind=type(given).__name__) from error
    if found.is_complex() or not 2 <= found.ndim <= 5 or 0 in found.shape:
        raise AttnvizError("given_no_map", shape=list(found.shape))
    return found.cpu()


def _layer(found: Tensor, batch: int | None) -> Layer:
    """One layer less its batch: `[head, query, key]`."""
    if found.ndim == 2:
        found = found[None]
    if found.ndim == 3:
        found = found[None]
    if found.ndim != 4:
        raise AttnvizError("given_no_map", shape=list(found.shape))
    count = len(found)
    if batch is None and count > 1:
        raise AttnvizError("given_batch", count=count, last=count - 1)
    if not 0 <= (number := batch or 0) < count:
        raise AttnvizError("no_such_text", number=number, last=count - 1)
    return found[number]


def checked(layer: Layer, number: int, sums_to_one: bool) -> Layer:
    """The layer in float32, once it holds weights and nothing else. Raises `AttnvizError` naming the first place."""
    close = LOOSE if layer.dtype in (torch.float16, torch.bfloat16) else CLOSE
    weights = layer.float()
    if (place := _first(~weights.isfinite())) is not None:
        raise AttnvizError("given_no_number", layer=number, head=place[0], query=place[1])
    if (place := _first((weights < 0) | (sums_to_one & (weights > 1 + close)))) is not None:
        value = float(weights[tuple(place)])
        raise AttnvizError("given_no_weight", layer=number, head=place[0], query=place[1], value=f"{value:.4g}")
    sums = weights.double().sum(-1)
    # A row of zeros is a query that may look at nothing.
    if sums_to_one and (place := _first(((sums - 1).abs() > close) & (sums != 0))) is not None:
        found = f"{float(sums[tuple(place)]):.4g}"
        raise AttnvizError("given_sum", layer=number, head=place[0], query=place[1], sum=found)
    return weights.clamp_max(1.0) if sums_to_one else weights


def _first(bad: Tensor) -> list[int] | None:
    """Where is the first True? None where there is none."""
    if not bool(bad.any()):
        return None
    place: list[int] = bad.nonzero()[0].tolist()
    return place
