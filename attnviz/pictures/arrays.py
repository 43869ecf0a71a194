"""Numbers that are a picture: of 8 or 16 bits, of 0 to 1, of any other range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.errors import PictureError
from attnviz.notices import Notice

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 36_000_000  # pixels, as of a picture that is decoded in full


def of_array(given: np.ndarray[Any, Any]) -> tuple[Image, tuple[Notice, ...]]:
    """An array as a picture of Pillow. Raises `PictureError` for one of another shape or kind."""
    from PIL import Image

    shape = given.shape[:2] if given.ndim == 3 and given.shape[2] == 1 else given.shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (3, 4)) or given.dtype.kind not in "buif":
        raise PictureError("picture_array", got=f"{given.dtype} [{', '.join(map(str, given.shape))}]")
    if not given.size:
        raise PictureError("picture_empty")
    if shape[0] * shape[1] > MOST:
        raise PictureError("picture_too_large", width=shape[1], height=shape[0], most=MOST // 1_000_000)
    values = given.reshape(shape)
    if values.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(values)), ()
    if values.dtype == np.bool_:
        return Image.fromarray(values.astype(np.uint8) * np.uint8(255)), ()
    if values.dtype == np.uint16:
        return Image.fromarray(_eighth(values)), (Notice("picture_bits"),)
    if values.dtype.kind == "f":
        return _of_shares(values)
    if values.min() < 0 or values.max() > 255:
        raise PictureError("picture_range", least=int(values.min()), most=int(values.max()))
    return Image.fromarray(values.astype(np.uint8)), ()


def deep(values: np.ndarray[Any, Any]) -> tuple[Image, tuple[Notice, ...]]:
    """A grey picture of 16 bits in 8."""
    from PIL import Image

    return Image.fromarray(_eighth(values)).convert("RGB"), (Notice("picture_bits"),)


def of_floats(values: np.ndarray[Any, Any]) -> tuple[Image, tuple[Notice, ...]]:
    """A grey picture of numbers of 32 bits: as 8 or 16 bits where they fit, else from black for the least to white."""
    from PIL import Image

    if not np.isfinite(values).all():
        raise PictureError("picture_not_numbers")
    least, most = float(values.min()), float(values.max())
    if values.dtype.kind in "iu" and least >= 0 and 255 < most <= 65535:
        return deep(values)
    if values.dtype.kind in "iu" and least >= 0 and most <= 255:
        return Image.fromarray(values.astype(np.uint8)).convert("RGB"), ()
    spread = (values.astype(np.float64) - least) / ((most - least) or 1.0)
    said = Notice("picture_stretched", {"least": f"{least:g}", "most": f"{most:g}"})
    return Image.fromarray(np.rint(255 * spread).astype(np.uint8)).convert("RGB"), (said,)


def _of_shares(values: np.ndarray[Any, Any]) -> tuple[Image, tuple[Notice, ...]]:
    """Fractions from 0 to 1, as scikit-image and matplotlib have them."""
    from PIL import Image

    if not np.isfinite(values).all():
        raise PictureError("picture_not_numbers")
    if values.min() < 0 or values.max() > 1:
        raise PictureError("picture_shares", least=f"{values.min():g}", most=f"{values.max():g}")
    return Image.fromarray(np.rint(255 * values).astype(np.uint8)), ()


def _eighth(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """0 to 65535 as 0 to 255, to the nearest."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
