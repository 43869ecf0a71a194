"""What a person gave, turned into what is meant, or a sentence: whole numbers of any library, switches, functions.

NumPy's and PyTorch's numbers are taken as Python's own; a truth value is no number, and a text is no row of numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from attnviz.errors import ArgumentError, shown


def plain(value: Any) -> Any:
    """A number of NumPy or PyTorch as one of Python; anything else as it is."""
    try:
        return value.item() if getattr(value, "shape", None) == () else value
    except Exception:  # whatever was given may fail in whatever way
        return value


def whole(name: str, value: Any) -> int:
    """A whole number, of whatever library. Raises `ArgumentError`.

    >>> import torch
    >>> whole("head", torch.tensor(3))
    3
    """
    value = plain(value)
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except Exception:
        pass
    raise ArgumentError("argument_whole", name=name, got=shown(value))


def wholes(name: str, values: Any) -> tuple[int, ...]:
    """Some whole numbers, in a tuple, a list or another row. Raises `ArgumentError`."""
    try:
        found = None if isinstance(values, (str, bytes, dict)) else tuple(values)
    except Exception:
        found = None
    if found is None:
        raise ArgumentError("argument_wholes", name=name, got=shown(values))
    return tuple(whole(name, value) for value in found)


def switch(name: str, value: Any) -> bool:
    """Yes or no. Raises `ArgumentError`."""
    value = plain(value)
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise ArgumentError("argument_switch", name=name, got=shown(value))


def check_functions(**given: object) -> None:
    """Is each of these a function, or not given? Raises `ArgumentError` for the first that is not."""
    for name, value in given.items():
        if value is not None and not callable(value):
            raise ArgumentError("argument_function", name=name, got=shown(value))


def listed(name: str, values: Any) -> list[Any]:
    """What was given in a row, as a list; a text is none. Raises `ArgumentError`."""
    try:
        if isinstance(values, Iterable) and not isinstance(values, (str, bytes, dict)):
            return list(values)
    except Exception:
        pass
    raise ArgumentError("argument_list", name=name, got=shown(values))
