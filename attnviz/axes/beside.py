"""An axis with places beside it that stand for none of its things."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.axes.axis import Axis, Over, Stands, check_special  # noqa: F401 -- `of: Axis` is resolved here
from attnviz.axes.units import Units
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Beside(Over):
    """The places of an axis (`of`), and after them special ones by name: their mean, a summary, an empty place.

    >>> from attnviz.axes import Items
    >>> Beside(Items(("tea", "cup")), ("[MEAN]",)).labels
    ('tea', 'cup', '[MEAN]')
    """

    last: tuple[str, ...]

    def __post_init__(self) -> None:
        check_special(self.last)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Those of the axis, then the names."""
        return (*self.of.labels, *self.last)

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """What is special on the axis, and the places beside it."""
        return (*self.of.special, *(True for _ in self.last))

    @property
    def segments(self) -> tuple[int | None, ...]:
        found = self.of.segments
        return (*found, *(None for _ in self.last)) if found else ()

    @property
    def roles(self) -> tuple[str | None, ...]:
        found = self.of.roles
        return (*found, *(None for _ in self.last)) if found else ()

    def grouped(self, by: str) -> Units:
        found = self.of.grouped(by)
        own = range(len(found.labels), len(found.labels) + len(self.last))
        special = (*found.special, *(True for _ in self.last))
        return Units((*found.of, *own), (*found.labels, *self.last), special)

    def stands_for(self, place: int) -> Stands | None:
        place = range(len(self.labels))[place]
        return self.of.stands_for(place) if place < len(self.of) else None
