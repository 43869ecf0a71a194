"""What checks the shapes in attnviz's annotations while its tests run: every function and dataclass that writes one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_args

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # a whole number is a float, as type checkers have it


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked, if a shape stands in its annotations; else as it is.

    jaxtyping hands over stand-ins whose annotations are no longer strings. What else they say is mypy's business, and
    checking it would double the time of the tests.
    """
    signature = inspect.signature(function)
    written = [signature.return_annotation, *(one.annotation for one in signature.parameters.values())]
    return _check(function) if any(map(_is_shape, written)) else function


def _is_shape(annotation: Any) -> bool:
    """Is it `Float[Tensor, "query key"]` or the like, or made of one?"""
    if inspect.isclass(annotation) and issubclass(annotation, AbstractArray):
        return True
    return any(map(_is_shape, get_args(annotation)))
