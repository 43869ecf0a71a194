"""A weight in two bytes, as it is written on the page: three significant digits, and nothing lost beyond them.

    0           not allowed
    1           exactly 0
    from 2 on   900 codes (100 to 999) for each power of ten, from 10^3 down to 10^-45, where float32 ends

Such codes say what is shown; a rounding of the weight to so many bits would not (0.12345 might become 0.124).
"""

from __future__ import annotations

import base64
import zlib

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

NOT_ALLOWED, ZERO, FIRST = 0, 1, 2
TOP, LEAST = 3, -45  # powers of ten
MANTISSAS = 900
Codes = np.ndarray  # uint16, of any shape


def codes(weights: Float[Tensor, "*any"]) -> Codes:
    """The code of each weight (NaN: not allowed), the same shape.

    >>> codes(torch.tensor([0.12345, 1.0, 0.0])).tolist()
    [3625, 2702, 1]
    """
    values = weights.double()
    some = values > 0
    exponent = torch.where(some, values.clamp_min(1e-45).log10().floor(), 0.0)
    mantissa = (values / 10.0 ** (exponent - 2)).round()
    exponent = (
        exponent + (mantissa >= 1000).double() - (mantissa < 100).double()
    )  # 0.9996 is 1.00; log10 may miss by one
    mantissa = (values / 10.0 ** (exponent - 2)).round().clamp(100, 999)
    found = FIRST + (TOP - exponent) * MANTISSAS + mantissa - 100
    found = torch.where(some, found, float(ZERO)).masked_fill(values.isnan(), NOT_ALLOWED)
    return found.to(torch.int32).numpy().astype(np.uint16)


def planes(*parts: Codes) -> bytes:
    """Numbers below 65,536 as their low bytes, then their high ones: apart they compress, and together hardly."""
    whole = np.concatenate([part.astype(np.uint16).reshape(-1) for part in parts]) if parts else np.zeros(0, np.uint16)
    return (whole & 255).astype(np.uint8).tobytes() + (whole >> 8).astype(np.uint8).tobytes()


def packed(raw: bytes) -> str:
    """Bytes deflated (RFC 1951, no header) and in base64; in the shorter of two ways.

    Digits follow no pattern that is worth the search, and runs of what is not allowed do: for weights Z_RLE is shorter
    and ten times as fast, for keys the ordinary way is.
    """
    found = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE):
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9, strategy)
        found.append(deflate.compress(raw) + deflate.flush())
    return base64.b64encode(min(found, key=len)).decode()


def shades(weights: Float[Tensor, "*any"]) -> np.ndarray:
    """The decimal logarithm of each weight in one byte: 255 for 1, 1 for 0.0001 and less; 0 for NaN, not allowed.

    >>> shades(torch.tensor([1.0, 0.01, 0.0])).tolist()
    [255, 128, 1]
    """
    steps = (weights.double().clamp(1e-4, 1).log10() / 4 + 1) * 254 + 1
    return np.asarray(steps.round().masked_fill(weights.isnan(), 0).to(torch.uint8).numpy())
