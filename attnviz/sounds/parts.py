"""Parts of a sound: which of them were listened to, these alone, these marked, and these covered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnviz.sounds.sound import Sound

if TYPE_CHECKING:
    from numpy.typing import NDArray

Spans = Sequence[tuple[float, float]]  # seconds, one after the other
FADE = 0.005  # seconds over which a part comes and goes, so that its edges do not click
QUIET = 0.05  # how loud the rest is where parts are marked


def spans_above(
    weights: Sequence[float], seconds: Spans, share: float, reach: float = 0.0
) -> list[tuple[float, float]]:
    """Where is the weight at least `share` of the largest? What touches is one part; [] where all are 0.

    Each part is longer by `reach` seconds on both sides: what a place is made of may be more than its own time.

    >>> spans_above([0.1, 0.6, 0.3, 0.0], [(0, 1), (1, 2), (2, 3), (3, 4)], 0.5)
    [(1.0, 3.0)]
    """
    most = max(weights, default=0.0)
    found: list[tuple[float, float]] = []
    for weight, (start, end) in zip(weights, seconds, strict=True):
        if most <= 0 or weight < share * most:
            continue
        if found and start - reach <= found[-1][1]:
            found[-1] = (found[-1][0], end + reach)
        else:
            found.append((max(0.0, start - reach), end + reach))
    return found


def cut(sound: Sound, spans: Spans) -> Sound:
    """These parts alone, one after the other. Raises `SoundError` where they hold no sample."""
    parts = [_faded(sound.samples[first:last], sound.rate) for first, last in _samples(sound, spans)]
    return Sound(np.concatenate(parts) if parts else sound.samples[:0], sound.rate, sound.name)


def marked(sound: Sound, spans: Spans) -> Sound:
    """The whole sound, these parts as they are and the rest quiet."""
    made = sound.samples * np.float32(QUIET)
    for first, last in _samples(sound, spans):
        made[first:last] = sound.samples[first:last]
    return Sound(made, sound.rate, sound.name)


def covered(sound: Sound, spans: Spans, noise: bool = False) -> Sound:
    """The sound with silence over these parts, or noise as loud as the sound is in the mean, always the same."""
    made = sound.samples.copy()
    loud = float(np.sqrt(np.mean(sound.samples.astype(np.float64) ** 2)))
    drawn = np.random.default_rng(0).standard_normal(len(made)).astype(np.float32) * np.float32(loud)
    for first, last in _samples(sound, spans):
        made[first:last] = drawn[first:last] if noise else 0.0
    return Sound(made, sound.rate, sound.name, sound.notes)


def _samples(sound: Sound, spans: Spans) -> list[tuple[int, int]]:
    """The first sample of each part and the first behind it, of those that have any."""
    found = [(round(start * sound.rate), min(round(end * sound.rate), len(sound.samples))) for start, end in spans]
    return [(first, last) for first, last in found if first < last]


def _faded(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """A part that comes and goes softly."""
    count = min(round(FADE * rate), len(samples) // 2)
    if not count:
        return samples
    ramp = (np.arange(count, dtype=np.float32) + 1) / count
    made = samples.copy()
    made[:count] *= ramp
    made[-count:] *= ramp[::-1]
    return made
