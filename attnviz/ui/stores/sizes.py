"""How much does a result hold, and how much may all results hold?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

MANY = 64  # of a longer list of plain things so many are measured, and the rest is taken to be like them
Start = tuple[str, int]  # a device, and a place in its memory: each counts its own
PLAIN = (str, bytes, int, float, type(None))


def nbytes(value: object) -> int:
    """How many bytes does a result hold? Memory that several tensors share is counted once.

    Of a trace these are its `nbytes` and, beside its tensors, its labels and its text; figures, arrays and what holds
    several traces are measured alike, with what they keep for later (`cached_property`). A model that a result refers
    to does not count: it stands in its own store. A run's queries and keys may lie in pieces that are longer than they
    (`attnviz.adapter.arena`): of such a piece what is in use counts.
    """
    seen: dict[int, object] = {}  # holds on to each, so that no other gets its number meanwhile
    blocks: dict[Start, _Block] = {}
    total, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, PLAIN):
            total += sys.getsizeof(one)
        elif id(one) not in seen:
            seen[id(one)] = one
            total += _own(one, blocks)
            waiting += _inside(one)
    return total + sum(block.bytes for block in blocks.values())


class _Block:
    """One piece of memory, and the tensors of a result that lie in it."""

    def __init__(self, size: int, shared: bool) -> None:
        self.size, self.shared, self.used = size, shared, dict[int, int]()

    @property
    def bytes(self) -> int:
        """What of it the result holds: all, unless it was made for several to lie in."""
        return min(sum(self.used.values()), self.size) if self.shared else self.size


def _own(one: object, blocks: dict[Start, _Block]) -> int:
    """The bytes of a thing without what it refers to; those of a tensor or array are noted in `blocks`."""
    found = _memory(one)
    if found is not None:
        start, size, first, used = found
        block = blocks.setdefault(start, _Block(size, size == _piece()))
        block.used[first] = max(block.used.get(first, 0), used)
        return 0
    if isinstance(one, list | tuple | set | frozenset) and _long_and_plain(one):
        part = [nbytes(item) for item, _ in zip(one, range(MANY), strict=False)]
        return sys.getsizeof(one) + sum(part) * len(one) // len(part)
    return sys.getsizeof(one)


def _memory(one: object) -> tuple[Start, int, int, int] | None:
    """Where a tensor or array's memory begins and how long it is, and the same of the part that it uses."""
    if (torch := sys.modules.get("torch")) is not None and isinstance(one, torch.Tensor):
        from attnviz.core.causal import CausalMask

        if isinstance(one, CausalMask):  # made when it is looked at
            return None
        held = one.untyped_storage()
        return (str(one.device), held.data_ptr()), held.nbytes(), one.data_ptr(), one.nbytes
    if (numpy := sys.modules.get("numpy")) is not None and isinstance(one, numpy.ndarray):
        whole = one
        while isinstance(whole.base, numpy.ndarray):
            whole = whole.base
        return ("cpu", whole.ctypes.data), whole.nbytes, one.ctypes.data, one.nbytes
    return None


def _piece() -> int:
    """The bytes of a piece that runs put their queries and keys into."""
    from attnviz.adapter.arena import PIECE

    return PIECE


def _inside(one: object) -> Iterable[Any]:
    """What a thing refers to and is held by it."""
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset):
        return () if _long_and_plain(one) else one
    if type(one).__module__.startswith("plotly."):
        return (one.to_dict(),) if hasattr(one, "to_dict") else ()
    if not is_dataclass(one) or _is_model(one):
        return ()
    return list(vars(one).values()) if hasattr(one, "__dict__") else ()


def _is_model(one: object) -> bool:
    """Does it carry a network?"""
    torch = sys.modules.get("torch")
    return torch is not None and any(
        isinstance(part, torch.nn.Module) for part in getattr(one, "__dict__", {}).values()
    )


def _long_and_plain(items: list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any]) -> bool:
    """Is it a long row of words, numbers, or pairs of numbers?"""
    return len(items) > MANY and all(_plain(item) for item, _ in zip(items, range(MANY), strict=False))


def _plain(item: object) -> bool:
    return isinstance(item, PLAIN) or (isinstance(item, tuple) and len(item) <= 4 and all(map(_plain, item)))


def network_bytes(model: Any) -> int:
    """The bytes of a model's numbers, trained or not; what layers share counts once."""
    beside = getattr(model, "texts", None)  # of two towers, the one that reads texts
    return nbytes([*_tensors(model.network), *(() if beside is None else _tensors(beside.network))])


def _tensors(network: Any) -> Iterator[Any]:
    yield from network.parameters()
    yield from network.buffers()


def room(name: str, share: float) -> int:
    """How many bytes may a store take? `ATTNVIZ_<name>_MB` millions, else a share of the machine's or container's.

    Raises `SystemExit` where the variable is not a number: the server would not do what was meant.
    """
    from attnviz.models.memory import total

    said = os.environ.get(variable := f"ATTNVIZ_{name}_MB", "").strip()
    if not said:
        return int(share * total())
    try:
        return max(int(float(said) * 1e6), 0)
    except (ValueError, OverflowError):
        raise SystemExit(f"{variable} is to be a number of megabytes such as 2000, not {said!r}.") from None
