"""A sound as a picture for the eye: how loud each pitch is at each time, where a model itself reads the wave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.sounds.sound import Sound

HOP, WINDOW = 0.01, 0.025  # seconds from column to column, and of what a column is made of
DEEP = 6.0  # powers of ten below the loudest at which a picture is white
QUIET = -6.0  # log10 of the energy that counts as the loudest at the least: silence is not made loud


def mel_picture(sound: Sound, bands: int = 80) -> NDArray[np.float32]:
    """How loud each of `bands` pitches is every 10 ms, `[band, column]`, from 0 to 1, the lowest pitch first.

    Windows of 25 ms (Hann), each round the middle of its column; triangular bands that are even on the mel scale up to
    half the rate (2595 log10(1 + f / 700); O'Shaughnessy 1987); logarithms, 1 at the loudest and 0 at six powers of ten
    below it.

    >>> from attnviz.sounds import Sound
    >>> mel_picture(Sound(np.zeros(1600, "float32"), 16_000)).shape
    (80, 10)
    """
    hop, size = max(1, round(HOP * sound.rate)), max(2, round(WINDOW * sound.rate))
    count = max(1, round(len(sound.samples) / hop))
    whole = np.zeros((count - 1) * hop + size, np.float32)
    before = (size - hop) // 2
    own = sound.samples[: len(whole) - before]
    whole[before : before + len(own)] = own
    cut = np.lib.stride_tricks.sliding_window_view(whole, size)[::hop]
    power = np.abs(np.fft.rfft(cut * np.hanning(size), axis=-1)) ** 2 / size
    found = np.log10((power @ _filters(sound.rate, size, bands)).clip(1e-10)).T
    shares: NDArray[np.float32] = ((found - max(float(found.max()), QUIET)) / DEEP + 1).clip(0, 1).astype(np.float32)
    return shares


def _filters(rate: int, size: int, bands: int) -> NDArray[np.float64]:
    """How much each frequency counts in each band, `[bin, band]`; a band narrower than a bin takes its nearest."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(size, 1 / rate)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    found: NDArray[np.float64] = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clip(0)
    found[np.abs(bins - middle).argmin(0), np.arange(bands)] = np.maximum(found.max(0), 0.1)
    return found
