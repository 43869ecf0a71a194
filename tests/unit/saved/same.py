"""Are two traces the same, field by field and bit by bit? Written apart from what saves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor
from torch.nn import Parameter

from attnviz.core.causal import CausalMask
from attnviz.trace import Trace


def assert_same(first: object, second: object, at: str = "trace") -> None:
    """Fail with the place of the first difference."""
    kinds = [Tensor if type(one) is Parameter else type(one) for one in (first, second)]  # a model's own weights
    assert kinds[0] is kinds[1], f"{at}: {kinds}"
    if isinstance(first, Tensor):
        assert_same_tensor(first, second, at)
    elif is_dataclass(first):
        for field in fields(first):
            if field.name != "name_piece":
                assert_same(getattr(first, field.name), getattr(second, field.name), f"{at}.{field.name}")
    elif isinstance(first, Mapping):
        assert list(first) == list(second), at
        for name in first:
            assert_same(first[name], second[name], f"{at}[{name}]")
    elif isinstance(first, tuple):
        assert len(first) == len(second), at
        for place, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{at}[{place}]")
    else:
        assert first == second or (first != first and second != second), f"{at}: {first!r} and {second!r}"
    if isinstance(first, Trace):
        assert_same_run(first, second, at)


def assert_same_tensor(first: Tensor, second: Tensor, at: str) -> None:
    assert (first.dtype, first.shape) == (second.dtype, second.shape), at
    if isinstance(first, CausalMask):
        assert first.first == second.first, at
    else:
        one, other = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (first, second))
        assert torch.equal(one, other), f"{at}: not bit for bit"


def assert_same_run(first: Trace, second: Trace, at: str) -> None:
    """What a trace hands out: a thing that looks at itself is one object, and predictions have their names."""
    assert first.crossed == second.crossed, at
    for layer in first.open_layers:
        one, other = first.weights(layer), second.weights(layer)
        assert torch.equal(one.nan_to_num(-1.0), other.nan_to_num(-1.0)), f"{at}: weights of layer {layer}"
    if first.logits is not None:
        for position in range(len(first.queries)):
            assert first.predictions(position, 20) == second.predictions(position, 20), at
