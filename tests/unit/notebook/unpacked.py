"""A page read back without any of its own code: what its bytes say, by the rules in `codes.py` and `page.py`."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import numpy as np

from attnviz.notebook.page import Page


def told(page: Page) -> dict[str, Any]:
    """All that a page was told."""
    (found,) = re.findall(r"<script type='application/json' id='data'>(.*?)</script>", page.html, flags=re.S)
    return json.loads(found)


def raw(packed: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(packed), wbits=-15), np.uint8)


def pairs(packed: str) -> np.ndarray:
    """Numbers of two bytes: all low ones, then all high ones."""
    low, high = np.split(raw(packed).astype(np.int64), 2)
    return low + 256 * high


def value(code: int) -> float:
    if code < 2:
        return float("nan") if code == 0 else 0.0
    return float(f"{100 + (code - 2) % 900}e{3 - (code - 2) // 900 - 2}")


def values(packed: str) -> np.ndarray:
    codes = pairs(packed)
    table = {code: value(int(code)) for code in np.unique(codes)}
    return np.array([table[code] for code in codes])


def rounded(weights: np.ndarray) -> np.ndarray:
    """To three significant digits, as Python writes them."""
    return np.array([float(f"{one:.3g}") for one in weights.ravel().tolist()]).reshape(weights.shape)
