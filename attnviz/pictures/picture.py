"""The pixels of one picture, and what was done to it when it was opened."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.errors import PictureError, array_shown
from attnviz.notices import Notice
from attnviz.threads import cached_property

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image


@dataclass(frozen=True, eq=False)
class Picture:
    """Red, green and blue of every pixel: `pixels` `[row, column, 3]`, whole numbers from 0 to 255, never changed.

    `notes` say what was done to it when it was opened: turned, laid on white, scaled down. `open_picture` makes one of
    a file. Raises `PictureError` for pixels of another shape or kind.

    >>> import numpy as np
    >>> Picture(np.zeros((20, 30, 3), "uint8"), name="night").width
    30
    """

    pixels: NDArray[np.uint8]
    name: str = ""
    notes: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        given: Any = self.pixels
        if not isinstance(given, np.ndarray) or given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3:
            raise PictureError("picture_pixels", got=array_shown(given))
        if not given.size:
            raise PictureError("picture_empty")
        own = np.array(given, order="C") if given.flags.writeable or given.base is not None else given
        own.flags.writeable = False
        object.__setattr__(self, "pixels", own)

    @property
    def width(self) -> int:
        """How many pixels wide."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """How many pixels high."""
        return int(self.pixels.shape[0])

    @cached_property
    def fingerprint(self) -> str:
        """What tells two pictures apart by their pixels alone: the same for the same ones, whatever their name."""
        return sha256(f"{self.width}x{self.height}:".encode() + self.pixels.tobytes()).hexdigest()

    def image(self) -> Image:
        """The same as a picture of Pillow, for whatever reads or shows such."""
        from PIL import Image

        return Image.fromarray(self.pixels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Picture):
            return NotImplemented
        return self.name == other.name and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash((self.name, self.fingerprint))

    def __repr__(self) -> str:
        called = f"{self.name!r}, " if self.name else ""
        return f"Picture({called}{self.width} x {self.height} pixels)"
