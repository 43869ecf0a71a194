"""What holds where several threads work: how many cores there are, how PyTorch's threads wait, what is computed once.

How they wait is said by the commands and the server, before PyTorch is loaded. Importing the library says nothing,
since what is set here holds for the whole process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Of = TypeVar("Of")
Value = TypeVar("Value")


class cached_property(Generic[Of, Value]):
    """A property that is computed when first asked for, and kept with its object; nobody waits for another's.

    That of functools has one lock for all objects of a class before Python 3.12: while one thread computed the weights
    of a long text, minutes long, no other thread could compute those of a short one.
    """

    def __init__(self, compute: Callable[[Of], Value]) -> None:
        self.func = compute
        self.__doc__, self.__module__ = compute.__doc__, compute.__module__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, one: None, owner: type) -> Self: ...

    @overload
    def __get__(self, one: Of, owner: type) -> Value: ...

    def __get__(self, one: Any, owner: type) -> Self | Value:
        if one is None:
            return self
        value: Value = one.__dict__.setdefault(self.name, self.func(one))
        return value


def wait_quietly() -> None:
    """Let threads that wait leave the processor to others, unless someone chose otherwise.

    They spin by default, and where anything else is busy (a browser on a laptop of two cores) the one waited for does
    not get its turn: 27 s in place of 1.4 for a grid. OpenMP reads the variable once, when PyTorch is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cores() -> int:
    """How many cores may this program use? Those that it is held to, where the system tells (Linux), else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
