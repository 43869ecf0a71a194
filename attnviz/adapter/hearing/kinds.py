"""Which types of models listen to a sound, and when the frames of each are.

A frame stands for the stretch of its stride, round the middle of what its convolutions took for it. With kernels k and
strides s, each layer over the one before, that is the sample `first` + n x `stride`, where

    stride = s_1 s_2 ...          first = ((k_1 - 1) + (k_2 - 1) s_1 + (k_3 - 1) s_1 s_2 ...) / 2 - padding

(Dumoulin and Visin 2016, sec. 2). Whisper's windows lie round their own middle and its convolutions are padded, so that
its first frame is at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

# Convolutions over the wave, in the configuration; their attention is a transformer's over all frames.
WAVES = frozenset({"data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm"})
WRITERS = frozenset({"moonshine", "whisper"})  # encoder-decoders that write down what they hear
SPECTRA = frozenset({"audio-spectrogram-transformer"})
# How transformers prepares the sounds of each, by the class of its feature extractor.
EXTRACTORS = {
    "whisper": "WhisperFeatureExtractor", "audio-spectrogram-transformer": "ASTFeatureExtractor",
    **dict.fromkeys((*sorted(WAVES), "moonshine"), "Wav2Vec2FeatureExtractor"),
}  # fmt: skip
MOONSHINE = ((127, 64), (7, 3), (3, 2))  # kernels and strides, which stand in its class (`modeling_moonshine`)
WHISPER_STRIDE = 2  # of its second convolution, over mel frames
FREE = 30.0  # seconds of a window where a model has no longest sound: what most were trained on at the most
AST_HOP, AST_WINDOW = 160, 400  # samples, as `ASTFeatureExtractor` has them in its body


@dataclass(frozen=True)
class Clock:
    """When frames are, in samples: the middle of the first, how far apart they are, and the fewest that make one."""

    first: float
    stride: int
    least: int

    def count(self, samples: int) -> int:
        """How many frames so many samples give."""
        return 0 if samples < self.least else (samples - self.least) // self.stride + 1

    def span(self, number: int, rate: int, begin: float, length: int) -> tuple[float, float]:
        """From when to when a frame is, in seconds of a sound whose window of `length` samples begins at `begin` s."""
        middle = self.first + number * self.stride
        ends = (min(max(middle + side * self.stride / 2, 0.0), float(length)) for side in (-1, 1))
        start, end = ends
        return begin + start / rate, begin + end / rate


def hears(model_type: str) -> bool:
    """Does a model of this type listen to a sound, and is it read here?"""
    return model_type in EXTRACTORS


def writes(model_type: str, named: str = "") -> bool:
    """Has a model of this type, of the class that its folder names, a decoder that writes down what it hears?"""
    return model_type in WRITERS and not named.endswith("Classification")


def clock(config: Any, extractor: Any) -> Clock:
    """When the frames of a model are that hears a wave or a spectrogram over time."""
    if config.model_type == "whisper":
        return Clock(0.0, WHISPER_STRIDE * int(extractor.hop_length), 1)
    if config.model_type in SPECTRA:
        inside = (int(config.patch_size) - 1) * AST_HOP + AST_WINDOW
        return Clock(inside / 2, int(config.time_stride) * AST_HOP, inside)
    layers: tuple[tuple[int, int], ...] = MOONSHINE
    if config.model_type in WAVES:
        layers = tuple(zip(config.conv_kernel, config.conv_stride, strict=True))
    reach, stride = 1, 1
    for kernel, step in layers:
        reach += (kernel - 1) * stride
        stride *= step
    return Clock(reach / 2, stride, reach)


def reach(config: Any, extractor: Any) -> float:
    """How many samples before and after its own stretch a frame is made of too, by its convolutions.

    Whisper's two take 5 columns of its spectrogram, each of `n_fft` samples, round the middle.
    """
    own = clock(config, extractor)
    inside = 4 * int(extractor.hop_length) + int(extractor.n_fft) if config.model_type == "whisper" else own.least
    return max(0.0, (inside - own.stride) / 2)


def window(config: Any, extractor: Any) -> int:
    """How many samples a model hears at a time."""
    if config.model_type == "whisper":
        return int(config.max_source_positions) * WHISPER_STRIDE * int(extractor.hop_length)
    if config.model_type in SPECTRA:
        return (int(config.max_length) - 1) * AST_HOP + AST_WINDOW
    return int(FREE * int(extractor.sampling_rate))


def real_frames(config: Any, extractor: Any, samples: int) -> int:
    """How many frames of a window begin within so many samples; what comes after is what it was filled up with."""
    own = clock(config, extractor)
    if config.model_type == "whisper":
        return min(ceil(samples / own.stride), int(config.max_source_positions))
    if config.model_type in SPECTRA:  # a patch counts where its middle lies within the sound
        return min(max(floor((samples - own.first) / own.stride) + 1, 0), bands(config)[1])
    return own.count(samples)


def bands(config: Any) -> tuple[int, int]:
    """How many patches a spectrogram transformer has one above the other, and one after the other."""
    size = int(config.patch_size)
    return (
        (int(config.num_mel_bins) - size) // int(config.frequency_stride) + 1,
        (int(config.max_length) - size) // int(config.time_stride) + 1,
    )


def strips(config: Any) -> tuple[tuple[float, float], ...]:
    """From which band of its spectrogram to which each row of patches lies, the lowest first: its stride round its
    middle; () for one that does not cut its spectrogram in height.
    """
    if config.model_type not in SPECTRA:
        return ()
    stride, half = int(config.frequency_stride), int(config.patch_size) / 2
    middles = [row * stride + half for row in range(bands(config)[0])]
    return tuple((max(one - stride / 2, 0.0), min(one + stride / 2, float(config.num_mel_bins))) for one in middles)
