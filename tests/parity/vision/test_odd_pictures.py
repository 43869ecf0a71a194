"""Odd pictures at every kind of model: each is read as the plain picture it stands for, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from PIL import Image

import attnviz as av
from tests.parity import captioning
from tests.parity.vision import KINDS, network, saved
from tests.parity.vision.detection import KINDS as DETECTORS
from tests.parity.vision.detection import sampled
from tests.parity.vision.detection import saved as saved_detector
from tests.unit.pictures.made import deep_colour, header, quarters, written

MAKERS: dict[str, Callable[[Path], Path]] = {
    **{kind: (lambda folder, kind=kind: saved(folder, network(kind), "short side and cut")) for kind in KINDS},  # type: ignore[misc]
    **{kind: (lambda folder, kind=kind: saved_detector(folder, kind)) for kind in DETECTORS},  # type: ignore[misc]
    **{kind: (lambda folder, kind=kind: sampled.saved(folder, kind)) for kind in sampled.KINDS},  # type: ignore[misc]
    **{kind: (lambda folder, kind=kind: captioning.saved(folder, kind)) for kind in captioning.KINDS},  # type: ignore[misc]
}
PLAIN = quarters(90, 60)


def animated() -> bytes:
    file = BytesIO()
    PLAIN.save(file, "PNG", save_all=True, append_images=[Image.new("RGB", PLAIN.size)])
    return file.getvalue()


def sideways() -> bytes:
    """The same picture as a camera that was held on its side stores it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return written(PLAIN.transpose(Image.Transpose.ROTATE_90), exif=exif)


def see_through() -> tuple[bytes, Image.Image]:
    """A picture whose left half shines through, and what it is on white."""
    shade = np.full((60, 90), 255, np.uint8)
    shade[:, :45] = 0
    white = np.asarray(PLAIN).copy()
    white[:, :45] = 255
    return written(Image.merge("RGBA", [*PLAIN.split(), Image.fromarray(shade)])), Image.fromarray(white)


GREY = PLAIN.convert("L")
ODD = {
    "held sideways": (sideways(), PLAIN),
    "grey": (written(GREY), GREY.convert("RGB")),
    "see-through": see_through(),
    "16 bits": (deep_colour(np.asarray(PLAIN).astype(np.uint16) * 257), PLAIN),
    "animated": (animated(), PLAIN),
    "1 x 1": (written(Image.new("RGB", (1, 1), (200, 10, 30))), Image.new("RGB", (1, 1), (200, 10, 30))),
    "wide": (written(quarters(333, 41)), quarters(333, 41)),
    "tall": (written(quarters(37, 290)), quarters(37, 290)),
}  # fmt: skip
REFUSED = {
    "picture_too_large": header(12_000, 9_000),
    "picture_bomb": header(200_000, 200_000),
    "picture_truncated": written(quarters(400, 300))[:900],
    "picture_unknown": b"not a picture at all",
}


@cache  # the models of one module's tests, tiny
def model(kind: str) -> Any:
    return av.load(MAKERS[kind](Path(mkdtemp())))


def given(read: Any) -> list[np.ndarray[Any, Any]]:
    """What the network is given of a picture."""
    return [read.values] if isinstance(read, av.Seen) else [read.given[name] for name in sorted(read.given)]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", MAKERS)
def test_an_odd_picture_is_read_as_the_plain_one_it_stands_for(kind: str, odd: str) -> None:
    file, plain = ODD[odd]
    if kind == "yolos" and odd in ("wide", "tall"):  # its short side would be rounded down to 0
        with pytest.raises(av.PictureError, match="too long and narrow"):
            model(kind).see(file)
        return
    mine, theirs = model(kind).see(file), model(kind).see(av.Picture(np.asarray(plain)))
    assert (mine.picture.width, mine.picture.height) == plain.size
    assert len(given(mine)) == len(given(theirs)) > 0
    for one, other in zip(given(mine), given(theirs), strict=True):
        assert np.array_equal(one, other) and one.size
    if isinstance(mine, av.Seen):
        assert mine.axis == theirs.axis
    else:
        assert (mine.boxes, mine.axis) == (theirs.boxes, theirs.axis)


@pytest.mark.parametrize("message", REFUSED)
@pytest.mark.parametrize("kind", MAKERS)
def test_what_cannot_be_read_is_refused_before_the_model_sees_it(kind: str, message: str) -> None:
    with pytest.raises(av.PictureError) as refused:
        model(kind).see(REFUSED[message])
    assert refused.value.message == message
