"""A sound as one model hears it: at its rate, a window of its length, as a wave or a spectrogram."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from attnviz.adapter.hearing.kinds import SPECTRA, bands, clock, real_frames, strips, window
from attnviz.axes import Bands, Frames
from attnviz.core.given import whole
from attnviz.errors import AttnvizError, SoundError
from attnviz.notices import Notice
from attnviz.sounds import Sound
from attnviz.sounds.heard import Heard

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILLED = "[PAD]"  # what a place is called that a model fills its window up with
FIRST = ("[CLS]", "[DIST]")  # before the patches of a spectrogram transformer


def heard(config: Any, extractor: Any, sound: Sound, number: int) -> Heard:
    """Window `number` of a sound as a model hears it. Raises `SoundError` for one too short or without a sound.

    Raises `AttnvizError` for a window that the sound does not have.
    """
    rate, size = int(extractor.sampling_rate), window(config, extractor)
    samples = sound.at(rate)
    least = clock(config, extractor).least
    if len(samples) < least:
        raise SoundError("sound_short", seconds=round(len(samples) / rate, 3), least=round(least / rate, 3))
    starts = begins(len(samples), size, least)
    number = whole("window", number)
    if not 0 <= number < len(starts):
        raise AttnvizError("no_such_window", number=number, last=len(starts) - 1)
    part = samples[starts[number] : starts[number] + size]
    begin, end = starts[number] / rate, (starts[number] + len(part)) / rate
    notes = () if len(starts) == 1 else (_said(sound, number, len(starts), begin, end),)
    axis = _axis(config, extractor, len(part), begin)
    return Heard(sound, _values(config, extractor, part, size), axis, begin, end, number, len(starts), notes)


def begins(samples: int, size: int, least: int) -> list[int]:
    """Where the windows of a sound begin. A rest too short for a frame belongs to none."""
    count = ceil(samples / size)
    found = [number * size for number in range(count)]
    return found[:-1] if len(found) > 1 and samples - found[-1] < least else found


def _said(sound: Sound, number: int, count: int, begin: float, end: float) -> Notice:
    """That a model does not hear all of a sound at a time."""
    said = {"whole": round(sound.seconds, 1), "count": count, "number": number + 1}
    return Notice("sound_window", said | {"begin": round(begin, 1), "end": round(end, 1)})


def _values(config: Any, extractor: Any, samples: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """What transformers' own feature extractor makes of it."""
    given: dict[str, Any] = {"sampling_rate": int(extractor.sampling_rate), "return_tensors": "np"}
    if config.model_type == "whisper":
        given |= {"padding": "max_length", "max_length": size}
    name = extractor.model_input_names[0]
    return np.asarray(extractor(samples, **given)[name], np.float32)


def _axis(config: Any, extractor: Any, samples: int, begin: float) -> Frames | Bands:
    """When each place of a window is."""
    own, rate = clock(config, extractor), int(extractor.sampling_rate)
    real = real_frames(config, extractor, samples)
    if config.model_type in SPECTRA:
        columns = bands(config)[1]
        spans = tuple(own.span(number, rate, begin, max(samples, _reach(own, columns))) for number in range(columns))
        return Bands(spans, _hertz(config, extractor), FIRST, real)
    spans = tuple(own.span(number, rate, begin, samples) for number in range(real))
    filled = int(config.max_source_positions) - real if config.model_type == "whisper" else 0
    return Frames(spans, last=(FILLED,) * filled)


def _reach(own: Any, count: int) -> int:
    """Up to which sample so many places reach."""
    return int(own.first + count * own.stride) + 1


def _hertz(config: Any, extractor: Any) -> tuple[tuple[float, float], ...]:
    """From what pitch to what each row of patches reaches, on Kaldi's mel scale."""
    low, high = _mel(20.0), _mel(int(extractor.sampling_rate) / 2)
    step = (high - low) / (int(config.num_mel_bins) + 1)

    def pitch(band: float) -> float:
        return 700.0 * float(np.exp((low + (band + 0.5) * step) / 1127.0) - 1.0)

    return tuple((pitch(start), pitch(end)) for start, end in strips(config))


def _mel(hertz: float) -> float:
    """Kaldi's scale of pitch, which its feature extractor takes."""
    return 1127.0 * float(np.log1p(hertz / 700.0))


def inputs(network: Any, read: Heard) -> dict[str, Any]:
    """What a network is given of a sound, by the name of its argument."""
    name = "input_features" if network.config.model_type == "whisper" else "input_values"
    return {name: torch.from_numpy(np.array(read.values)).to(network.dtype)}
