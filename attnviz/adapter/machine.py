"""Where a network computes, in which numbers and in which mode; what a run keeps of it is brought home.

Home is the CPU, in float32 or better: whatever a network computes in, a trace is made of that. It is brought there
layer by layer, as soon as it is recorded, so that a device holds no more of a run than its own forward pass needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from attnviz.adapter.outputs import Result
from attnviz.core.attention import Attention
from attnviz.core.causal import CausalMask
from attnviz.core.rules import at_least_float32
from attnviz.errors import ModelError, TextError, first_line
from attnviz.shipped import check_finite

CPU = torch.device("cpu")
NUMBERS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
# Where transformers keeps the hooks by which it collects states, and its mark on a network that has them.
HOOKS, HOOKED = "transformers.utils.output_capturing", "_output_capturing_hooks_installed"
STORED = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.float64: "F64"}
SHORT = {
    "fp32": "float32", "float": "float32", "bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp64": "float64",
    "double": "float64",
}  # fmt: skip
DEVICES = ("cpu", "cuda", "mps")  # what people name; any other that PyTorch has will do


@dataclass(frozen=True)
class Machine:
    """A device of PyTorch, and the numbers that a network there computes in."""

    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    @classmethod
    def of(cls, device: str | torch.device | None = None, dtype: str | torch.dtype | None = None) -> Machine:
        """What is asked for: the CPU unless given, float32 unless given.

        Raises `ModelError` for a device or a number type that is unknown, or that this machine does not have.
        """
        found = cls(_device(device), _numbers(dtype))
        try:
            torch.empty(1, device=found.device, dtype=found.dtype)
        except Exception as reason:
            there = ", ".join(devices())
            raise ModelError(
                "device_missing",
                device=found.device,
                numbers=short(found.dtype),
                there=there,
                reason=first_line(reason),
            ) from reason
        return found

    @classmethod
    def under(cls, network: Any) -> Machine:
        """Where a network's numbers lie; its first ones decide."""
        return cls(network.device, network.dtype)

    @property
    def stored(self) -> str:
        """Its numbers by the name that a file of safetensors gives them."""
        return STORED[self.dtype]

    @property
    def numbers(self) -> str:
        """Its number type, by the name that people write."""
        return short(self.dtype)

    @property
    def plain(self) -> bool:
        """Is it the CPU and float32, as unless something else is asked for?"""
        return self == Machine()

    def put(self, name: str, network: Any) -> None:
        """Bring a network that nobody uses yet to this device.

        Raises `ModelError` where it does not fit, or its weights hold NaN or infinity.
        """
        check_finite(name, network.named_parameters())
        if self.device == CPU:
            return
        try:
            network.to(self.device)
        except RuntimeError as reason:
            if not _full(reason):
                raise
            raise ModelError("device_too_small", model=name, device=self.device) from reason

    def __str__(self) -> str:
        return f"{short(self.dtype)}, {self.device}"


def short(dtype: torch.dtype) -> str:
    """A number type without the name of its library.

    >>> short(torch.bfloat16)
    'bfloat16'
    """
    return str(dtype).removeprefix("torch.")


def devices() -> list[str]:
    """The devices that PyTorch finds here, the CPU first."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return ["cpu"] if found is None else ["cpu", found.type]


def _device(asked: object) -> torch.device:
    """The device that is meant. Raises `ModelError` for a name that PyTorch does not know."""
    if asked is None:
        return CPU
    try:
        found = asked if isinstance(asked, torch.device) else torch.device(str(asked).strip().lower())
    except RuntimeError as reason:
        raise ModelError("device_unknown", device=asked, known=", ".join(DEVICES)) from reason
    if found.type == "meta":  # a device without numbers
        raise ModelError("device_unknown", device=asked, known=", ".join(DEVICES))
    return CPU if found.type == "cpu" else found


def _numbers(asked: object) -> torch.dtype:
    """The number type that is meant. Raises `ModelError` for one that no attention can be computed in."""
    if asked is None:
        return torch.float32
    name = str(asked).strip().lower().removeprefix("torch.")
    found = NUMBERS.get(SHORT.get(name, name))
    if found is None:
        raise ModelError("dtype_unknown", dtype=asked, known=", ".join(NUMBERS))
    return found


def placed(network: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a network is given, where its first layer is."""
    device = network.device
    return {name: one.to(device) if isinstance(one, Tensor) else one for name, one in inputs.items()}


def home(tensor: Tensor) -> Tensor:
    """The tensor on the CPU, in float32 or better where it holds such numbers; the very same where it is so already."""
    if isinstance(tensor, CausalMask):
        queries, keys = tensor.shape[-2:]
        return tensor if tensor.device == CPU else CausalMask(queries, keys, *tensor.shape[:-2], first=tensor.first)
    near = tensor.to(CPU)
    return at_least_float32(near) if near.is_floating_point() else near


def names_of(network: torch.nn.Module) -> dict[int, str]:
    """The names of a network's modules by their identity."""
    return {id(module): name for name, module in network.named_modules()}


def names_kept(network: torch.nn.Module) -> dict[int, str]:
    """The same, found once for a network whose modules stay."""
    found = _NAMES.get(network)
    if found is None:
        found = _NAMES[network] = names_of(network)
    return found


def homed(call: Attention) -> Attention:
    """A call brought home, without what has been computed from it."""
    queries, keys, values = home(call.queries), home(call.keys), home(call.values)
    allowed, bias, sink = (None if one is None else home(one) for one in (call.allowed, call.bias, call.sink))
    return replace(call, queries=queries, keys=keys, values=values, allowed=allowed, bias=bias, sink=sink)


def brought(result: Any) -> Any:
    """What a network returned, its tensors at home; the very same where they are there already."""
    return result if all(home(one) is one for one in _tensors(result)) else _brought(result)


def _tensors(one: Any) -> Iterator[Tensor]:
    """The tensors of a result; what is neither a table nor a row of them, as a cache, is nobody's business."""
    if isinstance(one, Tensor):
        yield one
    elif isinstance(one, Mapping | tuple | list):
        for part in one.values() if isinstance(one, Mapping) else one:
            yield from _tensors(part)


def _brought(one: Any) -> Any:
    if isinstance(one, Tensor):
        return home(one)
    if isinstance(one, Mapping):
        return Result({name: _brought(part) for name, part in one.items()})
    return tuple(map(_brought, one)) if isinstance(one, tuple | list) else one


def is_rough(network: Any) -> bool:
    """Does a network compute in half precision, whose rows of weights miss a sum of 1 by up to 1 %?"""
    return network.dtype in (torch.bfloat16, torch.float16)


@dataclass
class _Kept:
    """The modules of a network that runs have put out of training mode, and how many runs are going on.

    Of a `guest`, a network that someone else goes on using, also the forward hooks that its modules had.
    """

    runs: int = 0
    training: list[torch.nn.Module] = field(default_factory=list)
    hooks: list[tuple[torch.nn.Module, frozenset[int], bool]] = field(default_factory=list)


_LOCK = Lock()
_KEPT: dict[int, _Kept] = {}
_NAMES: WeakKeyDictionary[torch.nn.Module, dict[int, str]] = WeakKeyDictionary()


@contextmanager
def computing(network: torch.nn.Module, guest: bool = False) -> Iterator[None]:
    """Within, a network computes and does not train; after the last such run each of its modules is as it was before.

    From a `guest` the hooks are taken off that transformers puts on once a network is asked for its states. Raises
    `TextError` where the memory of its device does not suffice.
    """
    _begin(network, guest)
    try:
        yield
    except RuntimeError as reason:
        if not _full(reason):
            raise
        raise TextError("device_full", device=next(network.parameters()).device) from reason
    finally:
        _end(network)


def _begin(network: torch.nn.Module, guest: bool) -> None:
    with _LOCK:
        kept = _KEPT.setdefault(id(network), _Kept())
        kept.runs += 1
        if guest and kept.runs == 1:
            kept.hooks = [(one, frozenset(one._forward_hooks), hasattr(one, HOOKED)) for one in network.modules()]
        for module in network.modules():
            if module.training:  # not `eval()`, which some modules take for an order to merge their weights
                kept.training.append(module)
                module.training = False


def _end(network: torch.nn.Module) -> None:
    with _LOCK:
        kept = _KEPT[id(network)]
        kept.runs -= 1
        if not kept.runs:
            for module in kept.training:
                module.training = True
            for module, before, marked in kept.hooks:
                _unhook(module, before, marked)
            del _KEPT[id(network)]


def _unhook(module: torch.nn.Module, before: frozenset[int], marked: bool) -> None:
    """Take off what transformers has put on a module meanwhile, and its mark that it has."""
    for number, hook in list(module._forward_hooks.items()):
        if number not in before and getattr(hook, "__module__", "") == HOOKS:
            del module._forward_hooks[number]
    if hasattr(module, HOOKED) and not marked:
        delattr(module, HOOKED)


def _full(reason: BaseException) -> bool:
    """Does an error say that a device has no memory left? That of Apple's is of no class of its own."""
    return isinstance(reason, torch.OutOfMemoryError) or "out of memory" in str(reason).lower()
