"""Is a value what a dataclass says its field holds? For values that come out of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from jaxtyping import AbstractArray
from torch import Tensor


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Refuse values that a dataclass does not hold. Raises `TypeError`."""
    hints = _hints(kind)
    for name, value in values.items():
        if not fits(value, hints[name]):
            raise TypeError(f"{kind.__name__}.{name} is {hints[name]}, not {type(value).__name__}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    """The types of a class's fields."""
    return get_type_hints(kind)


def fits(value: Any, hint: Any) -> bool:
    """Is a value of this type? Tensors are asked for their number type; what shape they have, is for whoever uses them.

    >>> fits((1, 2), tuple[int, ...]), fits((1, "2"), tuple[int, ...]), fits(True, int), fits(1, float)
    (True, False, False, True)
    """
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, AbstractArray):  # `isinstance` would compare the axes of all fields
        return isinstance(value, Tensor) and str(value.dtype).removeprefix("torch.") in hint.dtypes
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, tuple) and _each(value, inner)
    if origin is Callable:
        return callable(value)
    if origin is not None:  # a mapping
        return isinstance(value, origin) and all(fits(name, inner[0]) and fits(value[name], inner[1]) for name in value)
    if hint is Any or hint is None:
        return hint is Any or value is None
    if hint is float:
        return type(value) in (float, int)
    return type(value) is hint if hint in (int, str, bool) else isinstance(value, hint)


def _each(value: tuple[Any, ...], inner: tuple[Any, ...]) -> bool:
    """Does every part of a tuple fit?"""
    if inner[-1:] == (...,):
        return all(fits(one, inner[0]) for one in value)
    return len(value) == len(inner) and all(map(fits, value, inner))
