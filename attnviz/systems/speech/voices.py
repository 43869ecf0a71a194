"""Six voices that say digits: held-out clips, joined to a string that was never said in one breath.

The clips are those of index 0 of the Free Spoken Digit Dataset (Jackson et al., CC BY-SA 4.0), as OGG in the folder
``voices`` beside the weights: one file a speaker, its ten digits one after the other, their lengths in
``voices.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import TextError, shown
from attnviz.sounds import Sound, open_sound
from attnviz.systems.speech.mel import RATE

FOLDER, LENGTHS = "voices", "voices.json"
GAP, EDGE = 0.16, 0.3  # seconds between two digits, and before the first and behind the last
LOUD, NOISE = 0.1, 0.002  # root mean square of a digit, and of the noise under all
MOST = 8  # digits of a string

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """A string of digits as a voice says it: the sound, the digits, and when each is said, in seconds."""

    sound: Sound
    voice: str
    digits: tuple[int, ...]
    spans: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Voices:
    """The clips of each voice, from 0 to 9."""

    clips: Mapping[str, Sequence[Wave]]

    @classmethod
    def read(cls, place: Path) -> Voices:
        """The voices of a model's folder; none where it has none."""
        file = place / FOLDER / LENGTHS
        if not file.is_file():
            return cls({})
        found = {}
        for voice, lengths in json.loads(file.read_text(encoding="utf-8")).items():
            whole = open_sound(place / FOLDER / f"{voice}.ogg").at(RATE)
            ends = np.cumsum(lengths)
            found[voice] = tuple(whole[end - length : end] for end, length in zip(ends, lengths, strict=True))
        return cls(found)

    @property
    def names(self) -> tuple[str, ...]:
        """What the voices are called."""
        return tuple(self.clips)

    def say(self, text: str) -> Said:
        """A voice and the digits that it says: "jackson 307" or "jackson 3 0 7".

        Raises `TextError` for a voice that is not there, for no digit, and for more than eight.
        """
        voice, _, rest = text.strip().partition(" ")
        digits = tuple(int(one) for one in rest if one in "0123456789")
        if voice not in self.clips:
            raise TextError("speech_voice", text=shown(text), voices=", ".join(self.names))
        if not digits or len(digits) > MOST or rest.translate({ord(one): None for one in "0123456789 ,"}):
            raise TextError("speech_digits", text=shown(rest), most=MOST)
        return self._joined(voice, digits)

    def _joined(self, voice: str, digits: tuple[int, ...]) -> Said:
        """Clips one after the other, equally loud, a little noise under all of them."""
        edge, gap = (np.zeros(round(seconds * RATE), np.float32) for seconds in (EDGE, GAP))
        parts, spans, at = [edge], [], len(edge)
        for number, digit in enumerate(digits):
            clip = self.clips[voice][digit]
            loud = float(np.sqrt(np.mean(clip**2))) or 1.0
            parts += [clip * (LOUD / loud), gap if number < len(digits) - 1 else edge]
            spans.append((at / RATE, (at + len(clip)) / RATE))
            at += len(clip) + len(gap)
        wave = np.concatenate(parts)
        text = f"{voice} {''.join(map(str, digits))}"
        noise = np.random.default_rng(crc32(text.encode())).standard_normal(len(wave)) * NOISE
        return Said(Sound((wave + noise).astype(np.float32), RATE, text), voice, digits, tuple(spans))
