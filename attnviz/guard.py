"""Nothing but an `AttnvizError` leaves a run, whatever a library does inside it; what it did do is told to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from attnviz import turns
from attnviz.errors import AttnvizError, Stopped, first_line, is_fault

LOG = logging.getLogger("attnviz")
OWN = "_attnviz_own"  # marks an exception of the caller's own function
Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Item = TypeVar("Item")


@contextmanager
def guarded(refusal: Callable[[BaseException], AttnvizError]) -> Iterator[None]:
    """Within, what goes wrong becomes one sentence, `refusal(error)`, and stands whole in the log.

    An `AttnvizError` passes, and so does what ends the work at someone's wish, or comes from the caller's own function.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, AttnvizError) or not is_fault(error) or hasattr(error, OWN):
            raise
        said = refusal(error)
        LOG.warning("%s: %s", said.message, said, exc_info=error)
        raise said from error


def sentences(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """A function that people call, which nothing but an `AttnvizError` leaves, however wrong what it was given.

    The last guard: what can be told more exactly has been told inside.
    """

    @wraps(function)
    def called(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        with guarded(lambda error: AttnvizError("call_failed", function=function.__name__, reason=first_line(error))):
            return function(*args, **kwargs)

    return called


def own(function: Callable[Given, Answer] | None) -> Callable[Given, Answer] | None:
    """A function that the caller gave: what it raises is the caller's affair and passes every guard."""
    if function is None:
        return None

    @wraps(function)
    def called(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            setattr(error, OWN, True)
            raise

    return called


def one_by_one(
    items: Sequence[Item], report: Callable[[int, int], object] | None, halted: Callable[[], bool] | None
) -> Iterator[Item]:
    """Each of them, one after the other: `halted` is asked before, and `report` hears how many are done, of how many.

    Raises `Stopped` where it is to stop.
    """
    for number, item in enumerate(items):
        if halted is not None and halted():
            raise Stopped("run_stopped")
        turns.go_on()
        yield item
        if report is not None:
            report(number + 1, len(items))
