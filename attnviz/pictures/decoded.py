"""Pixels as they come out of a file, made upright and into red, green and blue of 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attnviz.notices import Notice
from attnviz.pictures.arrays import deep, of_floats

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

ORIENTATION = 0x0112  # the tag of EXIF, 1 for upright


def decoded(image: Image) -> tuple[Image, tuple[Notice, ...]]:
    """A picture decoded, upright, in three colours; and what was done to it. Raises what Pillow raises."""
    sixteen, before = _sixteen(image), _orientation(image)  # in this order: a PNG is decoded to be asked for its EXIF
    image.load()
    coloured, notes = _coloured(image)
    if sixteen and not notes:  # in colour, where Pillow has left out the lower 8 by itself
        notes = (Notice("picture_bits"),)
    turn = _turns().get(_orientation(image))  # a TIFF has turned by now, and says so
    if turn is not None:
        coloured = coloured.transpose(turn)
    return coloured, notes if before == 1 else (Notice("picture_turned"), *notes)


def _coloured(image: Image) -> tuple[Image, tuple[Notice, ...]]:
    """Red, green and blue, what shines through laid on white."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        return deep(np.asarray(image))
    if image.mode in ("I", "F"):
        return of_floats(np.asarray(image))
    if not image.has_transparency_data:
        return image.convert("RGB"), ()
    layered = image.convert("RGBA")
    least, _ = layered.getchannel("A").getextrema()
    if least == 255:
        return layered.convert("RGB"), ()
    white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layered).convert("RGB"), (Notice("picture_on_white"),)


def _orientation(image: Image) -> int:
    """How the camera was held, 1 to 8, as EXIF says it; 1 where it says nothing that can be read."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF: the pixels are none the worse
        return 1
    return found if found in _turns() else 1


def _sixteen(image: Image) -> bool:
    """Will pixels of 16 bits be read? Pillow says so before it decodes them, and not after."""
    tiles = getattr(image, "tile", None) or ()
    return any(";16" in str(tile[3]) for tile in tiles)


def _turns() -> dict[int, Transpose]:
    """What makes a picture upright, by its orientation (EXIF 2.3, tag 0x0112)."""
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }  # fmt: skip
