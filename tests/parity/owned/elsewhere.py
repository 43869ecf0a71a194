"""A device that is not the CPU, for machines that have none: its tensors lie in the CPU's memory and say otherwise.

As a real one does, it refuses to compute with tensors of two devices, and gives nothing to NumPy. PyTorch keeps a
place for one device of someone else's (`privateuseone`). Once taken it stays so for the process: this needs one of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.library import Library
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from attnviz.core.causal import CausalMask

DEVICE = "elsewhere"
ATEN = torch.ops.aten
# What takes tensors of two devices, or the CPU's numbers for places.
MIXED = (ATEN.copy_.default, ATEN.index.Tensor, ATEN.index_put_.default, ATEN._index_put_impl_.default)


class Away(Tensor):
    """A tensor on that device; `inner` are its numbers."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Away:
        found: Away = Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=torch.device(DEVICE, 0)
        )
        found.inner = inner
        return found

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        raise RuntimeError(f"{func} reached no device: it was not called within `there()`")


class Device(TorchDispatchMode):
    """Computes what concerns that device; `brought` counts the tensors that were brought from it to the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.brought = 0

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        tensors = [one for one in tree_leaves((args, given)) if isinstance(one, Tensor)]
        away = [one for one in tensors if _is_away(one)]
        asked = given.get("device")
        to_there = bool(away) if asked is None else torch.device(asked).type == DEVICE
        if func is ATEN._has_compatible_shallow_copy_type.default:
            return False
        if func is ATEN._fused_sdp_choice.default and away:
            return 0  # by multiplications, as on a device without a kernel for all of it
        if not away and not to_there:
            return func(*args, **given)
        if len(away) < len([one for one in tensors if one.ndim]) and away and asked is None and func not in MIXED:
            raise RuntimeError(f"Expected all tensors to be on the same device, but {func} was given two")
        return self._computed(func, args, given, to_there)

    def _computed(self, func: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any], to_there: bool) -> Any:
        known = {id(one.inner): one for one in tree_leaves((args, given)) if isinstance(one, Away)}
        if "device" in given:
            given["device"] = torch.device("cpu")
        result = func(*tree_map(_inner, args), **tree_map(_inner, given))
        self.brought += bool(known) and not to_there
        if not to_there:
            return result
        return tree_map(lambda one: _outer(one, known), result)


def _is_away(one: Tensor) -> bool:
    return one.device.type == DEVICE


def _inner(one: Any) -> Any:
    """The numbers of a tensor there."""
    if isinstance(one, CausalMask) and _is_away(one):
        return CausalMask(*one.shape[-2:], *one.shape[:-2], first=one.first).dense()
    return one.inner if isinstance(one, Away) else one


def _outer(one: Any, known: dict[int, Away]) -> Any:
    """A result as a tensor there: the one that was changed in place, or a new one."""
    if not isinstance(one, Tensor):
        return one
    return known[id(one)] if id(one) in known else Away(one)


@cache
def _introduce() -> Library:
    """Tell PyTorch of the device, and how it makes and fills a tensor there where it asks nobody else (`x[[0, 1]]`)."""
    _setup_privateuseone_for_python_backend(DEVICE)
    found = Library("aten", "IMPL")

    def empty(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> Away:
        return Away(torch.empty_strided(size, stride, dtype=dtype, device="cpu"))

    def fill(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
        _inner(target).copy_(_inner(source))
        return target

    found.impl("empty_strided", empty, "PrivateUse1")
    found.impl("_copy_from", fill, "PrivateUse1")
    return found


@contextmanager
def there() -> Iterator[Device]:
    """Within, that device is there. Makes its name known to PyTorch for as long as the process lives."""
    _introduce()
    with patch.object(torch, "inference_mode", _still), Device() as found:
        yield found


def _still(mode: bool = True) -> AbstractContextManager[None]:
    """In place of inference mode, in which only PyTorch can make views of tensors that were made outside of it."""
    return torch.no_grad() if mode else nullcontext()
