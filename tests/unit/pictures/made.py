"""Files of pictures, made by Pillow from known pixels."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(width: int = 60, height: int = 40) -> Image.Image:
    """Red and green above, blue and white below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, WHITE
    return Image.fromarray(pixels)


def written(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    """The file of a picture."""
    file = BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def header(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """A PNG that says so many pixels and has next to no data: a bomb's beginning."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")


def deep_colour(values: np.ndarray[Any, Any]) -> bytes:
    """A PNG of 16 bits a colour, which Pillow reads and does not write: `[row, column, 3]` of uint16."""
    rows, columns, _ = values.shape
    lines = b"".join(b"\0" + values[row].astype(">u2").tobytes() for row in range(rows))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", columns, rows, 16, 2, 0, 0, 0)
    whole = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + whole
