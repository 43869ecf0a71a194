"""From one number of samples a second to another.

soundfile does not do it, and SciPy, whose `resample_poly` does, comes with the trainings alone. So it is done in
frequencies, as `scipy.signal.resample` does: whatever the ratio is, and what lies above half the new rate is left out.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STILL = 0.05  # seconds of silence behind a sound, so that its end does not ring at its beginning
EDGE = 0.05  # of the band that is kept: over so much it fades out, so that nothing rings for long


def at_rate(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """The same sound with `wanted` samples a second, as long in seconds to half a sample.

    >>> at_rate(np.ones(96, "float32"), 96_000, 8_000).shape
    (8,)
    """
    if rate == wanted:
        return samples
    whole = rate // gcd(rate, wanted)  # so many samples become a whole number of new ones
    count = -(-(len(samples) + round(STILL * rate)) // whole) * whole
    found = np.fft.rfft(samples, count)
    new = count * wanted // rate
    kept = min(len(found), new // 2 + 1)
    made = np.fft.irfft(found[:kept] * _fading(kept, len(found)), new) * (new / count)
    return made[: max(1, round(len(samples) * wanted / rate))].astype(np.float32)


def _fading(kept: int, had: int) -> NDArray[np.float64]:
    """How much of each frequency is left: all, and towards a lower half rate less and less."""
    shares = np.ones(kept)
    fade = round(kept * EDGE)
    if kept < had and fade:
        shares[-fade:] = 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 1) / fade)
    return shares
