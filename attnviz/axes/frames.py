"""A sound, or anything that runs in time, as a model hears it."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.axes.axis import Seconds, Wordless, check_special
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Frames(Wordless):
    """Stretches of time, each from and to in `seconds`; `first` and `last` name special places around them.

    Raises `ValueError` for a frame that ends before it begins, or that begins before the one before it does.

    >>> Frames(((0.0, 0.02), (0.02, 0.04))).labels
    ('0.00 s', '0.02 s')
    """

    seconds: tuple[tuple[float, float], ...]
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    unit = "frame"

    def __post_init__(self) -> None:
        check_special(self.first)
        check_special(self.last)
        before = 0.0
        for number, (start, end) in enumerate(self.seconds):
            if not before <= start <= end:
                raise ValueError(f"frame {number} runs from {start} to {end} s, after one that begins at {before} s")
            before = start

    @classmethod
    def even(cls, count: int, each: float) -> Frames:
        """So many frames of the same length in seconds, one after the other."""
        return cls(tuple((number * each, (number + 1) * each) for number in range(count)))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """When each begins."""
        return (*self.first, *[f"{start:.2f} s" for start, _ in self.seconds], *self.last)

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """The places that are no frame."""
        return (True,) * len(self.first) + (False,) * len(self.seconds) + (True,) * len(self.last)

    def stands_for(self, place: int) -> Seconds | None:
        if self.special[place]:
            return None
        return Seconds(*self.seconds[place % len(self.labels) - len(self.first)])
