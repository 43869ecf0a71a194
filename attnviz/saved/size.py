"""How many bytes does an object keep alive, and which of its tensors lie in storage that is mostly for others?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

from attnviz.core.causal import CausalMask

T = TypeVar("T")


def held(found: object) -> int:
    """The bytes of all storages that an object's tensors keep alive, each counted once.

    >>> import torch
    >>> whole = torch.zeros(10)
    >>> held((whole, whole[:2], whole[2:]))
    40
    """
    storages = [tensor.untyped_storage() for tensor in tensors(found)]
    return sum({(str(one.device), one.data_ptr()): one.nbytes() for one in storages}.values())


def tensors(found: object) -> Iterator[Tensor]:
    """Every tensor in dataclasses, their cached results too, and in tuples, lists and mappings; masks not laid out are
    none.
    """
    if isinstance(found, Tensor):
        if not isinstance(found, CausalMask):
            yield found
    elif is_dataclass(found) and not isinstance(found, type):
        for part in vars(found).values():
            yield from tensors(part)
    elif isinstance(found, Mapping | tuple | list):
        for part in found.values() if isinstance(found, Mapping) else found:
            yield from tensors(part)


def unwrapped(parts: Sequence[T]) -> list[T]:
    """The same dataclasses, those of their tensors copied whose storage is mostly for something else.

    Of a storage of which the parts together use less than half, each tensor is copied out, once however many parts
    share it; what lies well together stays, so that a long text is not held twice.
    """
    used: dict[int, dict[tuple[Any, ...], int]] = {}
    for tensor in tensors(parts):
        used.setdefault(tensor.untyped_storage().data_ptr(), {})[same_view(tensor)] = _own(tensor)
    copies: dict[tuple[Any, ...], Tensor] = {}

    def apart(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if 2 * sum(used[storage.data_ptr()].values()) >= storage.nbytes():
            return tensor
        if same_view(tensor) not in copies:
            copies[same_view(tensor)] = narrow(tensor).clone().expand(tensor.shape)
        return copies[same_view(tensor)]

    return [_mapped(part, apart) for part in parts]


def _mapped(part: T, apart: Any) -> T:
    """A dataclass with what `apart` makes of each of its tensors."""
    if not is_dataclass(part) or isinstance(part, type):
        return part
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    changed = {
        name: apart(value) for name, value in values.items()
        if isinstance(value, Tensor) and not isinstance(value, CausalMask)
    }  # fmt: skip
    return replace(part, **changed)


def narrow(tensor: Tensor) -> Tensor:
    """The tensor without its repetitions: axes that were only spread out have the length 1 again."""
    for axis, (step, size) in enumerate(zip(tensor.stride(), tensor.shape, strict=True)):
        if step == 0 and size > 1:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def same_view(tensor: Tensor) -> tuple[Any, ...]:
    """What two tensors have in common that are the same view of the same storage."""
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride(), str(tensor.device)


def _own(tensor: Tensor) -> int:
    """The bytes that a view itself needs."""
    return narrow(tensor).nbytes
