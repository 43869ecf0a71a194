"""A scene: one to four things on a canvas, where each is, how it is drawn, and the sentence that is true of it.

The sentence names every thing once. Things whose middle lies in the upper half are the upper row, the others the lower
one, each from left to right; two rows are "... above ...", and two things in one row "... to the left of ...". English
begins with what is above or left, Chinese ends with it:

    a cat and a dog above an egg         一个鸡蛋的上面有一只猫和一只狗
    a cat to the left of a dog           一只狗的左边有一只猫
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from attnviz.errors import AttnvizError
from attnviz.systems.captions.names import BY_NAME, THINGS, Thing

SIDE = 64  # pixels of the canvas
DRAWN = 24  # pixels of a drawing: with this size a row holds at most two
GRID = 8  # places along a side of the canvas
CELL = SIDE // GRID
MOST = 4
WHITE = 255
DRAWINGS = "drawings.png"  # in the folder of the weights: of all things, one beside the other


@dataclass(frozen=True)
class Put:
    """One thing, by its English name, with the left and upper edge of its drawing in pixels."""

    name: str
    left: int
    top: int

    @property
    def thing(self) -> Thing:
        """What it is."""
        return THINGS[BY_NAME[self.name]]

    @property
    def upper(self) -> bool:
        """Does its middle lie in the upper half?"""
        return 2 * self.top + DRAWN < SIDE

    def covers(self, other: Put) -> bool:
        """Do the two drawings overlap?"""
        return abs(self.left - other.left) < DRAWN and abs(self.top - other.top) < DRAWN


@dataclass(frozen=True)
class Word:
    """A word of a sentence, and the number of the thing in the scene that it names; None where it names none."""

    text: str
    of: int | None = None
    about: int | None = None  # the thing that an article or a measure word belongs to


@dataclass(frozen=True)
class Scene:
    """One to four different things that do not overlap, all on the canvas. Raises `AttnvizError` for others."""

    things: tuple[Put, ...]

    def __post_init__(self) -> None:
        most = SIDE - DRAWN
        if not 1 <= len(self.things) <= MOST:
            raise AttnvizError("scene_size", count=len(self.things), most=MOST)
        for number, one in enumerate(self.things):
            if one.name not in BY_NAME:
                raise AttnvizError("scene_unknown", name=one.name)
            if not (0 <= one.left <= most and 0 <= one.top <= most):
                raise AttnvizError("scene_outside", name=one.name)
            if any(one.name == other.name for other in self.things[:number]):
                raise AttnvizError("scene_twice", name=one.name)
            if any(one.covers(other) for other in self.things[:number]):
                raise AttnvizError("scene_overlap", name=one.name)

    @property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The things by number, the upper row first, each from left to right; a row without any is left out."""
        order = sorted(range(len(self.things)), key=lambda number: self.things[number].left)
        rows = (tuple(n for n in order if self.things[n].upper is upper) for upper in (True, False))
        return tuple(row for row in rows if row)

    def sentence(self, language: str) -> tuple[Word, ...]:
        """What is true of it, in "zh" or "en", with the thing that each word names.

        >>> scene = Scene((Put("owl", 40, 2), Put("cat", 3, 0)))
        >>> " ".join(word.text for word in scene.sentence("en")), "".join(word.text for word in scene.sentence("zh"))
        ('a cat to the left of an owl', '一只猫头鹰的左边有一只猫')
        """
        first, *second = self.rows
        if not second and len(first) == 1:
            return self._row(first, language)
        one, other = (first, second[0]) if second else (first[:1], first[1:])
        if language == "zh":
            side = "上面" if second else "左边"
            between = (Word("的"), Word(side), Word("有"))
            return (*self._row(other, language), *between, *self._row(one, language))
        words = ("above",) if second else ("to", "the", "left", "of")
        return (*self._row(one, language), *map(Word, words), *self._row(other, language))

    def _row(self, row: tuple[int, ...], language: str) -> tuple[Word, ...]:
        """A row's things: "a cat and a dog"."""
        found: list[Word] = []
        for number in row:
            thing = self.things[number].thing
            found += [Word("和" if language == "zh" else "and")] if found else []
            if language == "zh":
                found += [Word("一"), Word(thing.measure, about=number)]
            else:
                found += [Word(thing.article, about=number)]
            found += [Word(thing.named(language), number)]
        return tuple(found)

    def drawn(self, drawings: UInt8[Tensor, "thing 3 24 24"]) -> UInt8[Tensor, "3 64 64"]:
        """The picture of it on white, from the drawings on white of all things that there are."""
        canvas = torch.full((3, SIDE, SIDE), WHITE, dtype=torch.uint8)
        for one in self.things:
            canvas[:, one.top : one.top + DRAWN, one.left : one.left + DRAWN] = drawings[BY_NAME[one.name]]
        return canvas

    def inside(self, weights: Float[Tensor, "*query 64"], number: int) -> Float[Tensor, "*query"]:
        """Which share of the weight lies inside a thing's box, a place's weight spread evenly over its pixels?

        Even weight gives the box's share of the canvas, `SHARE`.
        """
        return weights @ cover(self.things[number].left, self.things[number].top)


SHARE = (DRAWN / SIDE) ** 2  # of the canvas that one drawing's box takes


def cover(left: int, top: int, wide: int = DRAWN, high: int = DRAWN) -> Float[Tensor, " 64"]:
    """Which share of each place of the grid does a box cover? Row after row.

    >>> cover(4, 0).reshape(8, 8)[0]
    tensor([0.5000, 1.0000, 1.0000, 0.5000, 0.0000, 0.0000, 0.0000, 0.0000])
    """
    edges = torch.arange(GRID, dtype=torch.float32) * CELL
    along = ((edges + CELL).clamp_max(left + wide) - edges.clamp_min(left)).clamp_min(0) / CELL
    down = ((edges + CELL).clamp_max(top + high) - edges.clamp_min(top)).clamp_min(0) / CELL
    return (down[:, None] * along).flatten()
