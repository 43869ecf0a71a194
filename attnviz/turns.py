"""Whether a run may begin, and whether it may go on: asked before memory is taken, and in every layer.

A library does what it is told, and so nobody is asked. A server that many people share has a keeper who knows them all
(`attnviz.ui.stores.turns`): who lets a run wait until others are done, and ends one whose reader has left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Keeper(Protocol):
    """Who is asked about the runs of this process."""

    def begin(self, need: int) -> None:
        """A run, or a model that is loaded, is to take so many bytes. May wait, and raise an `AttnvizError`."""

    def left(self) -> int:
        """How many bytes may this thread's run take at most, besides what others hold and run?"""

    def go_on(self) -> None:
        """Raises an `AttnvizError` where this thread's run is to end here."""


keepers: list[Keeper] = []


def begin(need: int) -> None:
    """What is to take so many bytes begins. Raises what a keeper does."""
    for keeper in keepers:
        keeper.begin(need)


def left(free: int) -> int:
    """Of so many bytes that are free those that this thread may take.

    >>> left(100)
    100
    """
    return max(min([free, *(keeper.left() for keeper in keepers)]), 0)


def go_on() -> None:
    """A run has come one step further. Raises what a keeper does."""
    for keeper in keepers:
        keeper.go_on()


def heard(on_call: Callable[[int], object] | None) -> Callable[[int], object]:
    """What hears of each layer of a run, asked first whether it may go on."""

    def told(layers: int) -> None:
        go_on()
        if on_call is not None:
            on_call(layers)

    return told
