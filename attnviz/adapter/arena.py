"""Memory of long runs: what they keep in few large pieces, and what nobody uses given back.

Tensors of 10 MB come out of glibc's heap. What a run keeps of each layer, down to a tensor's 200 bytes of description,
lands in a hole that a larger tensor has left, which then fits no other: BERT over 4,096 tokens grew by 25 MB a layer
beside what it kept, GPT-2 held 1.75 GB at its peak where its tensors took 1.50.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from attnviz.saved.size import narrow

PIECE = 2**26  # bytes; from 2**25 on glibc asks the system itself, which gives no memory before it is written to


@dataclass
class Arena:
    """Where one run's queries and keys are put, one after the other, for each number type."""

    _free: dict[torch.dtype, Tensor] = field(default_factory=dict)

    def keep(self, tensor: Tensor) -> Tensor:
        """A copy of the tensor in this arena, on the CPU, in float32 or better, its shape kept; what is spread out over
        heads is copied once.
        """
        whole, tensor = tensor.shape, narrow(tensor)
        numbers = torch.promote_types(tensor.dtype, torch.float32)
        free = self._free.get(numbers)
        if free is None or len(free) < tensor.numel():
            free = torch.empty(max(PIECE // numbers.itemsize, tensor.numel()), dtype=numbers)
        place, self._free[numbers] = free[: tensor.numel()], free[tensor.numel() :]
        return place.view(tensor.shape).copy_(tensor).expand(whole)


def give_back() -> None:
    """Let the system have what the allocator holds and nobody uses (glibc's `malloc_trim`; elsewhere nothing)."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return None
    return found
