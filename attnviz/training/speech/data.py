"""The strings of digits that the model learns from, joined afresh all the time, and those kept from it.

Clips of the Free Spoken Digit Dataset (Jackson et al., CC BY-SA 4.0): ``<digit>_<speaker>_<index>.wav``, 8 kHz. Kept
from training, decided before anything was measured:

* all of the last two speakers in the alphabet (`UNSEEN`);
* of the other four, the clips 0 to 4 of each digit, the test set that the data set itself names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
import soundfile
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from attnviz.systems.speech.mel import BANDS, HOP, RATE, mel
from attnviz.systems.speech.network import STRIDE
from attnviz.systems.speech.text import BEGIN, DIGITS, END

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
UNSEEN = SPEAKERS[-2:]
TEST = range(5)  # indices of a clip
LONGEST = 8.0  # seconds of a string
COUNTS = {0: 3, 1: 5, 2: 7, 3: 19, 4: 19, 5: 19, 6: 19, 7: 5, 8: 4}  # digits of a string: how often in training
TOGETHER = 4  # batches that are made of one draw, sorted by length
SHORT = 160  # batches with few digits
EVEN = 0.1  # root mean square of a clip when strings are joined

Wave = NDArray[np.float32]
Clips = Mapping[tuple[str, int, int], Wave]  # by speaker, digit and index


@dataclass(frozen=True)
class Spoken:
    """A string of digits: its samples, the digits, and when each is said, in seconds."""

    wave: Wave
    digits: tuple[int, ...]
    spans: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Course:
    """By how much strings differ: the least and the most of each. `gap` and `edge` are seconds, `loud` and `noise`
    decibels (those of the noise below the voice), `speed` a factor that changes the pitch as well.
    """

    gap: tuple[float, float]
    edge: tuple[float, float]
    loud: tuple[float, float]
    noise: tuple[float, float]
    speed: tuple[float, float]


TRAINING = Course((0.0, 0.6), (0.0, 0.8), (-6, 6), (8, 50), (0.8, 1.25))
HELD_OUT = Course((0.05, 0.5), (0.05, 0.5), (-3, 3), (20, 40), (0.95, 1.05))


def read_clips(folder: Path) -> Clips:
    """All clips of the folder ``recordings``, equally loud."""
    found = {}
    for file in sorted(folder.glob("*.wav")):
        digit, speaker, index = file.stem.split("_")
        wave, rate = soundfile.read(file, dtype="float32")
        if rate != RATE:
            raise ValueError(f"{file.name} has {rate} samples a second, not {RATE}")
        found[speaker, int(digit), int(index)] = even(wave)
    return found


def even(wave: Wave) -> Wave:
    """A clip as loud as all others."""
    return (wave * (EVEN / max(float(np.sqrt(np.mean(wave**2))), 1e-6))).astype(np.float32)


def training(clips: Clips) -> Clips:
    """Those that may be trained on."""
    return {key: wave for key, wave in clips.items() if key[0] not in UNSEEN and key[2] not in TEST}


def known(clips: Clips) -> Clips:
    """Held-out clips of speakers that were trained on."""
    return {key: wave for key, wave in clips.items() if key[0] not in UNSEEN and key[2] in TEST}


def unseen(clips: Clips) -> Clips:
    """Clips of speakers that never were."""
    return {key: wave for key, wave in clips.items() if key[0] in UNSEEN}


class Joiner:
    """Joins clips to strings, one random number after the other."""

    def __init__(self, clips: Clips, course: Course, seed: int) -> None:
        self.clips, self.course, self.random, self.noise = clips, course, Random(seed), np.random.default_rng(seed)
        self.by: dict[tuple[str, int], list[int]] = {}
        for speaker, digit, index in clips:
            self.by.setdefault((speaker, digit), []).append(index)
        self.speakers = sorted({speaker for speaker, _ in self.by})

    def string(self, size: int, alone: float = 1.0) -> Spoken:
        """A string of so many digits; with the chance `alone` one speaker says them all. At most `LONGEST`."""
        voice = self.random.choice(self.speakers) if self.random.random() < alone else None
        speed = self.random.uniform(*self.course.speed)
        parts, digits, spans = [self._still(self.course.edge if size else (0.2, 3.0))], [], []
        at = len(parts[0])
        for _ in range(size):
            digit, clip = self.random.randrange(DIGITS), np.zeros(0, np.float32)
            speaker = voice or self.random.choice(self.speakers)
            clip = self.clips[speaker, digit, self.random.choice(self.by[speaker, digit])]
            clip = faster(clip, speed * self.random.uniform(0.97, 1.03)) * self._gain(self.course.loud)
            still = self._still(self.course.gap)
            if (at + len(clip) + len(still)) / RATE > LONGEST:
                break
            parts += [clip, still]
            digits.append(digit)
            spans.append((at / RATE, (at + len(clip)) / RATE))
            at += len(clip) + len(still)
        parts.append(self._still(self.course.edge))
        wave = self._noisy(np.concatenate(parts)[: int(LONGEST * RATE)])
        return Spoken(wave, tuple(digits), tuple(spans))

    def _still(self, seconds: tuple[float, float]) -> Wave:
        return np.zeros(int(self.random.uniform(*seconds) * RATE), np.float32)

    def _gain(self, decibels: tuple[float, float]) -> float:
        return float(10 ** (self.random.uniform(*decibels) / 20))

    def _noisy(self, wave: Wave) -> Wave:
        """With noise under it, of one colour from white to red."""
        noise = self.noise.standard_normal(len(wave)).astype(np.float32)
        red = self.random.choice((0.0, 0.5, 0.8, 0.9))
        if red:
            noise = _reddened(noise, red)
        noise *= EVEN / max(float(noise.std()), 1e-6) / self._gain(self.course.noise)
        return ((wave + noise) * self._gain((-20, 6))).astype(np.float32)


def _reddened(noise: Wave, share: float) -> Wave:
    """Noise whose low frequencies are louder: the mean of each sample with those before it, by powers of a share."""
    kernel = (share ** np.arange(40)).astype(np.float32)
    made: Wave = np.convolve(noise, kernel)[: len(noise)].astype(np.float32)
    return made


def faster(wave: Wave, speed: float) -> Wave:
    """A clip said faster and higher (or, below 1, slower and lower): read at other places, straight between samples."""
    count = max(1, round(len(wave) / speed))
    made: Wave = np.interp(np.arange(count) * speed, np.arange(len(wave)), wave).astype(np.float32)
    return made


@dataclass(frozen=True)
class Batch:
    """Spectrograms beside each other, which places are sound, and the tokens with `BEGIN` before and `END` after."""

    mel: Float[Tensor, "sound band frame"]
    real: Bool[Tensor, "sound place"]
    ids: Int64[Tensor, "sound token"]
    lengths: Int64[Tensor, " sound"]
    strings: tuple[Spoken, ...]

    @classmethod
    def of(cls, strings: Sequence[Spoken]) -> Batch:
        """The batch of some strings."""
        found = [mel(padded(torch.from_numpy(one.wave))) for one in strings]
        places = [one.shape[-1] // STRIDE for one in found]
        most = max(places)
        spectra = torch.zeros(len(found), BANDS, most * STRIDE)
        for number, one in enumerate(found):
            spectra[number, :, : one.shape[-1]] = one
        real = torch.arange(most) < torch.tensor(places)[:, None]
        longest = max(len(one.digits) for one in strings) + 2
        ids = [[BEGIN, *one.digits, *[END] * (longest - 1 - len(one.digits))] for one in strings]
        lengths = torch.tensor([len(one.digits) for one in strings])
        return cls(spectra, real, torch.tensor(ids), lengths, tuple(strings))


def padded(samples: Float[Tensor, " sample"]) -> Float[Tensor, " longer"]:
    """With nothing behind it, up to a whole place of the encoder, so that no sound is left out."""
    return torch.nn.functional.pad(samples, (0, -len(samples) % (HOP * STRIDE)))


def batches(clips: Clips, many: int, seed: int, short: int = SHORT) -> Iterator[Batch]:
    """Without end: strings that may be trained on, their spectrograms a little changed.

    Those of a batch have nearly as many digits as each other, which spares half the work; the first `short` batches
    have at most three, since of few digits it is soon found out which is heard where.
    """
    joiner, random = Joiner(training(clips), TRAINING, seed), Random(seed)
    generator = torch.Generator().manual_seed(seed)
    for number in count():
        few = {size: often for size, often in COUNTS.items() if size <= 3 or number * TOGETHER >= short}
        chosen = sorted(random.choices(list(few), list(few.values()), k=TOGETHER * many))
        for part in random.sample(range(TOGETHER), TOGETHER):
            strings = [joiner.string(size, 0.7) for size in chosen[part * many : (part + 1) * many]]
            batch = Batch.of(strings)
            yield replace(batch, mel=changed(batch.mel, generator))


def changed(spectra: Float[Tensor, "sound band frame"], generator: torch.Generator) -> Tensor:
    """Spectrograms as another microphone, and gaps, would have them: a tilt over the bands, and some bands and frames
    left out (Park et al. 2019, SpecAugment).
    """
    many, bands, frames = spectra.shape

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    where = torch.linspace(-1, 1, bands)
    tilt = (draw(many, 1) - 0.5) * where + (draw(many, 1) - 0.5) * (where * torch.pi).sin()
    found = (spectra + 0.2 * tilt[:, :, None] * (spectra > 0)).clamp(0, 1)
    for axis, size, widest in ((1, bands, 6), (2, frames, 6)):
        start, wide = (draw(many, 1) * size).long(), (draw(many, 1) * (widest + 1)).long()
        inside = (torch.arange(size) >= start) & (torch.arange(size) < start + wide)
        found = found.masked_fill(inside.unsqueeze(3 - axis), 0.0)
    return found


def held_out(clips: Clips, many: int, seed: int = 18) -> list[Spoken]:
    """Strings of 3 to 6 digits of these clips, each of one speaker, the same for the same seed."""
    joiner = Joiner(clips, HELD_OUT, seed)
    return [joiner.string(3 + number % 4) for number in range(many)]
