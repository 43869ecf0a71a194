"""Open a picture from a file, bytes, Pillow or NumPy, within limits that its first bytes are asked for.

Nothing here runs code of a file: the formats are read by Pillow's own decoders, and those that call other programs
(EPS and PS: Ghostscript; WMF) are not among them. ICO is not either, since its size stands in a picture inside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz import doors
from attnviz.errors import ArgumentError, PictureError, first_line, shown
from attnviz.guard import guarded, sentences
from attnviz.notices import Notice
from attnviz.pictures.arrays import of_array
from attnviz.pictures.decoded import decoded
from attnviz.pictures.picture import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "PPM", "QOI", "JPEG2000")
KEPT = 4_000_000  # pixels, 2,000 x 2,000: models look at 0.05 to 1 million of them
DECODED = 36_000_000  # pixels of a picture that is decoded in full, 8K and a half: 150 MB while that is done
# Pixels of a picture that is scaled while it is decoded, to an eighth each way: 2 s of one core. Pillow's own limit,
# above which it raises, is 178,956,970.
SCALED = 170_000_000


@sentences
def open_picture(source: Any, *, name: str = "") -> Picture:
    """Open a picture: of a path, the bytes of a file, a picture of Pillow, an array of NumPy.

    An array is `[row, column]` or `[row, column, 1, 3 or 4]`. It comes upright (EXIF), in red, green and blue of 8
    bits, what shines through laid on white; of several frames the first; scaled down where it has more than 4 million
    pixels. `Picture.notes` say which of these was done. Its size is read before it is decoded, and one that would take
    too much memory is refused. `name` is the file's unless given.

    Raises `PictureError` with what is wrong: no file, no picture, one that ends too early, one that is too large.

    >>> import numpy as np
    >>> open_picture(np.zeros((20, 30)) + 255 > 0).pixels[0, 0].tolist()
    [255, 255, 255]
    """
    import numpy as np
    from PIL import Image

    if not isinstance(name, str):
        raise ArgumentError("argument_text", name="name", got=shown(name))
    if isinstance(source, Picture):
        return source
    with guarded(_damaged):
        if isinstance(source, Image.Image):
            return _of_image(source, name)
        if isinstance(source, (bytes, bytearray, memoryview)):
            return _of_bytes(bytes(source), name)
        if isinstance(source, np.ndarray):
            image, notes = of_array(source)
            return _finished(image, name, notes)
        return _of_path(source, name)


def _of_path(source: Any, name: str) -> Picture:
    """The picture in a file."""
    try:
        path = Path(os.fsdecode(os.fspath(source)))
    except Exception as reason:
        raise PictureError("picture_kind", got=shown(source)) from reason
    doors.check("path", path)
    said = str(path)
    if said.lower().startswith(("http:/", "https:/", "data:")):
        raise PictureError("picture_address")
    try:
        if path.is_dir():
            raise PictureError("picture_folder", place=said)
        if not path.is_file():  # a device or a pipe may never end
            raise PictureError("picture_missing", place=said)
        if not path.stat().st_size:
            raise PictureError("picture_empty")
        opened = path.open("rb")
    except (OSError, ValueError) as reason:  # no right to read it, a name that no file can have
        raise PictureError("picture_unopened", place=said, reason=first_line(reason)) from reason
    with opened, _identified(opened) as image:
        return _of_file(image, name or path.name)


def _of_bytes(content: bytes, name: str) -> Picture:
    """The picture that some bytes are."""
    if not content:
        raise PictureError("picture_empty")
    with _identified(BytesIO(content)) as image:
        return _of_file(image, name)


@contextmanager
def _identified(file: Any) -> Iterator[Image]:
    """A picture whose beginning alone was read."""
    from PIL import Image, UnidentifiedImageError

    Image.init()  # some formats are not in every build of Pillow
    try:
        image = Image.open(file, formats=[one for one in FORMATS if one in Image.OPEN])
    except UnidentifiedImageError as reason:
        raise PictureError("picture_unknown") from reason
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as reason:
        raise PictureError("picture_bomb", most=SCALED // 1_000_000) from reason
    with image:
        yield image


def _of_file(image: Image, name: str) -> Picture:
    """The picture of a file: checked by the size that it names, scaled while it is decoded where its format can."""
    width, height = image.size
    frames = _frames(image)
    notes = (Notice("picture_first", {"count": frames}),) if frames > 1 else ()
    # A progressive JPEG is kept whole while it is decoded, whatever it is scaled to.
    scales = image.format in ("JPEG", "MPO") and not image.info.get("progressive")
    if width * height > (SCALED if scales else DECODED):
        raise _too_large(width, height, SCALED if scales else DECODED)
    if scales and width * height > KEPT:
        share = sqrt(KEPT / (width * height))
        image.draft(None, (ceil(width * share), ceil(height * share)))
    return _finished(image, name, notes, (width, height))


def _of_image(image: Image, name: str) -> Picture:
    """A picture that someone has opened already, which stays as it is."""
    width, height = image.size
    if width * height > DECODED:
        raise _too_large(width, height, DECODED)
    return _finished(image.copy(), name, ())


def _finished(image: Image, name: str, notes: tuple[Notice, ...], size: tuple[int, int] | None = None) -> Picture:
    """Upright, in three colours, of a size that is kept; `size` is what it was in its file."""
    import numpy as np
    from PIL import Image

    width, height = size or image.size
    if not width * height:
        raise PictureError("picture_empty")
    upright, done = decoded(image)
    if width * height > KEPT:
        across, down = (width, height) if (width < height) == (upright.width < upright.height) else (height, width)
        share = sqrt(KEPT / (width * height))
        small = max(1, round(across * share)), max(1, round(down * share))
        upright = upright.resize(small, Image.Resampling.LANCZOS, reducing_gap=2.0)
        now = {"width": across, "height": down, "across": upright.width, "down": upright.height}
        done = (*done, Notice("picture_scaled", now))
    return Picture(np.asarray(upright), name, (*notes, *done))


def _frames(image: Image) -> int:
    """How many pictures a file holds; 1 where the later ones cannot be counted."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # what comes after the first is damaged, and not looked at
        return 1


def _too_large(width: int, height: int, most: int) -> PictureError:
    return PictureError("picture_too_large", width=width, height=height, most=most // 1_000_000)


def _damaged(error: BaseException) -> PictureError:
    """Why could a picture not be decoded?"""
    said = first_line(error)
    if "truncated" in said.lower() or "unexpected end" in said.lower():
        return PictureError("picture_truncated")
    return PictureError("picture_damaged", reason=said)
