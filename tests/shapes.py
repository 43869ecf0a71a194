"""What checks the shapes in attnviz's annotations while its tests run: every function and dataclass that writes one."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Hashable, Mapping, Set
from functools import cache, partial, update_wrapper, wraps
from types import FunctionType, ModuleType
from typing import Any, get_args

import jaxtyping
import numpy as np
import torch
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, install_import_hook

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # a whole number is a float, as type checkers have it
_jaxtyped = jaxtyping.jaxtyped
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_LONG = 8  # to say of more things what each is would take as long as to check them
_UNTOLD = object()  # the kind of what is too much to say


def check_from_now_on() -> None:
    """Check the shapes of attnviz's modules as they are imported. What writes no shape stays as it is written.

    jaxtyping would wrap every function, and a wrapped one takes twenty times as long to be called: half of the time
    of a page's tests.
    """
    jaxtyping.jaxtyped = _jaxtyped_where_shapes_stand
    install_import_hook("attnviz", f"{__name__}.check")


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


def _jaxtyped_where_shapes_stand(thing: Any = None, *, typechecker: Any) -> Any:
    """jaxtyping's own decorator, which leaves functions and dataclasses alone in which no shape can stand."""
    if thing is None:
        return partial(_jaxtyped_where_shapes_stand, typechecker=typechecker)
    function = thing.__init__ if inspect.isclass(thing) else getattr(thing, "__func__", thing)
    if inspect.isfunction(function) and not any(map(partial(_may_be_shape, function), _notes(function))):
        return thing
    if inspect.isclass(thing) and inspect.isfunction(function):
        function.__annotations__.pop("return", None)  # or all that came in would be checked again before it is None
    found = _jaxtyped(thing, typechecker=typechecker)
    if inspect.isclass(thing):
        if inspect.isfunction(function) and found.__init__ is not function:
            found.__init__ = _once_a_kind(function, found.__init__, typechecker)
        return found
    return _once_a_kind(thing, found, typechecker) if inspect.isfunction(thing) else found


def _once_a_kind(function: Callable[..., Any], checked: Callable[..., Any], typechecker: Any) -> Callable[..., Any]:
    """The checked function, which does not check again what came in and went out in the same types, dtypes and shapes.

    That is all that a check looks at, and most calls bring what an earlier one has brought: a quarter of the time of a
    page's tests was spent on looking again.
    """
    if any("{" in str(note) for note in _notes(function)):  # a side as long as an argument says, not as its type
        return checked
    passed: dict[Hashable, set[Hashable]] = {}
    result, again = threading.local(), cache(lambda: _jaxtyped(_telling(function, result), typechecker=typechecker))

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        kinds = [*map(_kind, args), *map(_kind, kwargs.values())]
        if _UNTOLD in kinds:
            return checked(*args, **kwargs)
        came = (*kinds, *kwargs)
        if came not in passed:
            found = checked(*args, **kwargs)
            passed[came] = {_kind(found)}
            return found
        found = function(*args, **kwargs)
        gone = _kind(found)
        if gone is _UNTOLD or gone not in passed[came]:
            result.told = found
            try:
                again()(*args, **kwargs)
            finally:
                del result.told
            passed[came].add(gone)
        return found

    return called


def _telling(function: Callable[..., Any], result: threading.local) -> Callable[..., Any]:
    """What is annotated as the function and returns what is told, for a check of that alone."""

    def telling(*args: Any, **kwargs: Any) -> Any:
        return result.told

    names = inspect.unwrap(function).__globals__  # in which the annotations are read
    return update_wrapper(FunctionType(telling.__code__, names, closure=telling.__closure__), function)


def _kind(value: Any) -> Hashable:
    """All of a value that a check looks at: types, dtypes and shapes, of each thing in a list too."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return type(value), value.dtype, value.shape
    if isinstance(value, (tuple, list)):
        kinds = tuple(map(_kind, value)) if len(value) <= _LONG else (_UNTOLD,)
        return _UNTOLD if _UNTOLD in kinds else (type(value), *kinds)
    return _UNTOLD if isinstance(value, (Mapping, Set)) else type(value)


def _notes(function: Callable[..., Any]) -> list[Any]:
    return list(getattr(function, "__annotations__", {}).values())


def _may_be_shape(function: Callable[..., Any], annotation: Any) -> bool:
    """Does the annotation name something of jaxtyping's, or another name for a shape? As a string or as it is."""
    if not isinstance(annotation, str):
        return _is_shape(annotation)
    return any(_leads_to_shape(_value(function.__globals__, path)) for path in _parts(annotation))


@cache
def _parts(annotation: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(name.split(".")) for name in _NAME.findall(annotation))


def _value(names: dict[str, Any], path: tuple[str, ...]) -> Any:
    """What a name such as `Float` or `core.Weights` means; None where it means nothing yet."""
    found = names.get(path[0])
    for part in path[1:]:
        found = getattr(found, part, None)
    return found


def _leads_to_shape(value: Any) -> bool:
    if isinstance(value, str):  # another annotation by a name: jaxtyping finds out
        return True
    return not isinstance(value, ModuleType) and (getattr(value, "__module__", "") == "jaxtyping" or _is_shape(value))
