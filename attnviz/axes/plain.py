"""Things that are known by name or number alone: items of a list, steps, slots."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.axes.axis import Box, Wordless, check_lengths, check_special
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Items(Wordless):
    """Things with titles, in order: what somebody bought, read or watched.

    >>> Items(("tea", "cup", "kettle")).labels[2]
    'kettle'
    """

    titles: tuple[str, ...]
    unit = "item"

    def __post_init__(self) -> None:
        check_special(self.titles)

    @property
    def labels(self) -> tuple[str, ...]:
        """The titles."""
        return self.titles

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """None is."""
        return (False,) * len(self.titles)


@dataclass(frozen=True)
class Steps(Wordless):
    """Steps of something that goes on: of a decoder, a diffusion, a memory that is read; numbered from `start`.

    Raises `ValueError` for less than none of them.

    >>> Steps(3, start=1).labels
    ('1', '2', '3')
    """

    count: int
    start: int = 0
    unit = "step"

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"there are no {self.count} steps")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Their numbers."""
        return tuple(str(number) for number in range(self.start, self.start + self.count))

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """None is."""
        return (False,) * self.count


@dataclass(frozen=True)
class Slots(Wordless):
    """Places that a model fills by itself: learned queries, latents, memory; numbered from 0 and called `name`.

    They stand for nothing before the run. `boxes` are what each was found to stand for where the model says it (the
    boxes of a detector, in pixels; None for "nothing there"). Raises `ValueError` for another number of boxes.

    >>> Slots(2, name="query").labels
    ('query 0', 'query 1')
    """

    count: int
    name: str = "slot"
    boxes: tuple[tuple[float, float, float, float] | None, ...] = ()
    unit = "slot"

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"there are no {self.count} slots")
        if self.boxes:
            check_lengths("slots", slots=range(self.count), boxes=self.boxes)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Name and number."""
        return tuple(f"{self.name} {number}" for number in range(self.count))

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """None is."""
        return (False,) * self.count

    def stands_for(self, place: int) -> Box | None:
        box = self.boxes[place] if self.boxes else None
        return None if box is None else Box(*box)
