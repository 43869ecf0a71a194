"""Objects as JSON and back: tuples, numbers, names, tensors by number, and the dataclasses of a list.

None, True, 3, 0.5, "text"      themselves
(1, 2)                          [1, 2]                       sequences come back as tuples
nan, inf                        {"float": "nan"}
{"encoder": ...}                {"mapping": {"encoder": ...}}
a tensor                        {"tensor": 0, "shape": [...]} where it was spread out from one that is stored
a causal mask not laid out      {"triangle": [8, 8], "first": 0}
TopK(k=3)                       {"is": "TopK", "k": 3, "renormalise": false}
an axis, names of a vocabulary  {"shared": 0}                one object in two places stays one object
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from types import ModuleType
from typing import Any

from torch import Tensor

from attnviz.axes import (
    Axis,
    Bands,
    Beside,
    Frames,
    Illustrated,
    Items,
    Levels,
    Moments,
    Nodes,
    Patches,
    Sentences,
    Slots,
    Spans,
    Steps,
)
from attnviz.core import attention, gates, interventions, masks, rules, similarity, states
from attnviz.core.causal import CausalMask
from attnviz.errors import AttnvizError
from attnviz.saved.hints import check_fields
from attnviz.saved.names import Names
from attnviz.saved.size import narrow, same_view
from attnviz.text.pairs import Pair
from attnviz.text.tokens import Encoded
from attnviz.text.turns import Chat

AXES = (
    Bands, Beside, Encoded, Frames, Illustrated, Items, Levels, Moments, Nodes, Patches, Sentences, Slots, Spans, Steps
)  # fmt: skip
BASES = ("Rule", "Mask", "Similarity", "Intervention", "Place")  # that are only something when derived from
LATER = frozenset(
    {"answer", "chat", "order", "pair", "region", "types"}
)  # fields that older files lack: they have their defaults
MOST_HEADS, MOST_PLACES = 2**12, 2**20  # a stored tensor may be spread out over no more


def _kinds(module: ModuleType) -> dict[str, type]:
    """The dataclasses of a module by name."""
    return {
        name: kind for name, kind in vars(module).items()
        if isinstance(kind, type) and is_dataclass(kind) and name not in BASES and not name.startswith("_")
    }  # fmt: skip


KINDS: Mapping[str, type] = {
    **_kinds(attention), **_kinds(interventions), **_kinds(masks), **_kinds(rules), **_kinds(gates),
    **_kinds(similarity), **_kinds(states), **{kind.__name__: kind for kind in AXES}, "Names": Names, "Pair": Pair,
    "Chat": Chat,
}  # fmt: skip


@dataclass
class Writer:
    """What has been written of one object: `tensors` by number, `shared` objects by number. `kinds` beside `KINDS`."""

    kinds: Mapping[str, type]
    tensors: list[Tensor] = field(default_factory=list)
    shared: list[Any] = field(default_factory=list)
    _numbers: dict[Any, int] = field(default_factory=dict)

    def plain(self, value: Any) -> Any:
        """The value as JSON has it. Raises `AttnvizError` for an object that is not of the list."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, Mapping):
            return {"mapping": {str(name): self.plain(part) for name, part in value.items()}}
        if isinstance(value, tuple | list):
            return [self.plain(part) for part in value]
        if value is str:  # how a trace without predictions names them
            return {"is": "str"}
        if isinstance(value, Axis | Names):
            return {"shared": self._number(id(value), value)}
        return self._fields(value)

    def _number(self, key: object, value: Any) -> int:
        """The number of an object that may stand in several places."""
        if key not in self._numbers:
            said = self._fields(value)
            self._numbers[key] = len(self.shared)
            self.shared.append(said)
        return self._numbers[key]

    def _fields(self, value: Any) -> dict[str, Any]:
        name = type(value).__name__
        if self.kinds.get(name) is not type(value):
            raise AttnvizError("trace_unsavable", kind=name)
        kind: Any = self.kinds[name]
        return {"is": name} | {one.name: self.plain(getattr(value, one.name)) for one in fields(kind)}

    def _tensor(self, tensor: Tensor) -> dict[str, Any]:
        if isinstance(tensor, CausalMask):
            return {"triangle": list(tensor.shape), "first": tensor.first}
        stored = narrow(tensor.detach())
        key = same_view(stored)
        if key not in self._numbers:
            self._numbers[key] = len(self.tensors)
            self.tensors.append(stored)
        found: dict[str, Any] = {"tensor": self._numbers[key]}
        return found if stored.shape == tensor.shape else found | {"shape": list(tensor.shape)}


@dataclass
class Reader:
    """Objects from what `Writer` wrote; whatever it did not write raises `ValueError`, `KeyError` or `TypeError`."""

    kinds: Mapping[str, type]
    tensors: Sequence[Tensor]
    shared: list[Any] = field(default_factory=list)

    def object(self, said: Any) -> Any:
        """The object that was written."""
        if isinstance(said, list):
            return tuple(self.object(part) for part in said)
        if not isinstance(said, dict):
            return said
        if "is" in said:
            return self._made(said)
        if "shared" in said:
            return self.shared[_number(said["shared"])]
        if "tensor" in said:
            return self._tensor(said)
        if "triangle" in said:
            return CausalMask(*[_number(size) for size in _triangle(said["triangle"])], first=int(said["first"]))
        if "float" in said:
            return float(said["float"])
        return {name: self.object(part) for name, part in said["mapping"].items()}

    def _made(self, said: dict[str, Any]) -> Any:
        """A dataclass of the list from its fields, each of the type that the class asks for."""
        if said == {"is": "str"}:
            return str
        kind = self.kinds[said["is"]]
        found = {name: self.object(part) for name, part in said.items() if name != "is"}
        names = {one.name for one in fields(kind)}
        if not names - LATER <= set(found) <= names:
            raise ValueError(f"{said['is']} has other fields than {sorted(found)}")
        check_fields(kind, found)
        own = [one for one in fields(kind) if one.init]
        return kind(**{one.name: found[one.name] for one in own if one.name in found})

    def _tensor(self, said: dict[str, Any]) -> Tensor:
        stored = self.tensors[_number(said["tensor"])]
        if "shape" not in said:
            return stored
        shape = [_number(size) for size in said["shape"]]
        if max(shape[:-2], default=1) > MOST_HEADS or max(shape[-2:], default=1) > MOST_PLACES:
            raise ValueError(f"a tensor {tuple(stored.shape)} spread out to {shape}")
        return stored.expand(*shape)


def _number(value: Any) -> int:
    """A number from 0."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no number from 0")
    return value


def _triangle(shape: list[Any]) -> list[Any]:
    """The shape of such a mask as its class takes it: queries and keys before the leading axes."""
    if len(shape) < 2:
        raise ValueError(f"a mask of shape {shape}")
    return [*shape[-2:], *shape[:-2]]


def kinds_with(more: Sequence[type]) -> dict[str, type]:
    """The list, and these."""
    return {**KINDS, **{kind.__name__: kind for kind in more}}
