"""What one thread computes for long keeps no other from computing the same of another thing."""

from __future__ import annotations

from threading import Event, Thread

from attnviz.threads import cached_property


class Text:
    """Its weights take as long as `done` is not set."""

    def __init__(self, done: Event) -> None:
        self.done, self.begun, self.times = done, Event(), 0

    @cached_property
    def weights(self) -> int:
        """Computed once."""
        self.begun.set()
        self.times += 1
        assert self.done.wait(20)
        return 7


def test_a_short_text_does_not_wait_for_a_long_one() -> None:
    """A class of fifty waited half a minute beside a text of 5,000 words, for a lock of all objects of a class."""
    long, short = Text(Event()), Text(Event())
    short.done.set()
    other = Thread(target=lambda: long.weights)
    other.start()
    assert long.begun.wait(20)
    found: list[int] = []
    mine = Thread(target=lambda: found.append(short.weights))
    mine.start()
    mine.join(2)
    long.done.set()
    assert found == [7]
    other.join()
    assert (long.weights, long.times, short.weights, short.times) == (7, 1, 7, 1)
    assert Text.weights.__doc__ == "Computed once."


def test_nothing_of_the_package_is_computed_under_one_lock_for_all() -> None:
    import functools
    from importlib import import_module
    from pkgutil import walk_packages

    import attnviz

    for found in walk_packages(attnviz.__path__, "attnviz."):
        if not found.name.endswith("__main__") and ".training" not in found.name:
            assert getattr(import_module(found.name), "cached_property", None) is not functools.cached_property
