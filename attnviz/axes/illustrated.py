"""A text with a picture in it, as a language model reads both in one row."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.axes.axis import Axis, Box, Over, Stands, check_lengths  # noqa: F401 -- `of: Axis` is resolved here
from attnviz.axes.units import Units
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Illustrated(Over):
    """The places of an axis (`of`), some of which are places of a picture `width` x `height` pixels large.

    `names` has what each of those is called, "" for one of the text; `boxes` what it covers of the picture: left, top,
    right, bottom. Boxes may overlap, as where a model reads a picture in tiles and once more as a whole. A place of the
    picture without a box (a class token) is special. Raises `ValueError` for other numbers of them.

    >>> from attnviz.axes import Items
    >>> Illustrated(Items(("?", "tea")), 8, 4, ("1,1", ""), ((0, 0, 8, 4), None)).stands_for(0)
    Box(left=0, top=0, right=8, bottom=4)
    """

    width: int
    height: int
    names: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float] | None, ...]

    def __post_init__(self) -> None:
        check_lengths("places", places=self.of.labels, names=self.names, boxes=self.boxes)
        if any(box is not None and not name for name, box in zip(self.names, self.boxes, strict=True)):
            raise ValueError("a place of the picture has a name")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Those of the axis, and the names of the picture's places."""
        return tuple(name or label for name, label in zip(self.names, self.of.labels, strict=True))

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """What is special on the axis, and places of the picture that cover nothing of it."""
        rows = zip(self.names, self.boxes, self.of.special, strict=True)
        return tuple(box is None if name else special for name, box, special in rows)

    @property
    def pictured(self) -> tuple[int, ...]:
        """Which places are the picture's, those that cover nothing of it too?"""
        return tuple(place for place, name in enumerate(self.names) if name)

    @property
    def roles(self) -> tuple[str | None, ...]:
        return self.of.roles

    def grouped(self, by: str) -> Units:
        """As the axis has it; each place of the picture stays by itself."""
        found = self.of.grouped(by)
        named = [self.names[place] or label for place, label in zip(found.firsts, found.labels, strict=True)]
        special = [
            self.special[place] if self.names[place] else found.special[unit] for unit, place in enumerate(found.firsts)
        ]
        return Units(found.of, tuple(named), tuple(special))

    def stands_for(self, place: int) -> Stands | None:
        if not self.names[place]:
            return self.of.stands_for(place)
        box = self.boxes[place]
        return None if box is None else Box(*box)
