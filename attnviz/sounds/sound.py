"""The samples of one sound, and what was done to it when it was opened."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.errors import SoundError, array_shown, shown
from attnviz.notices import Notice
from attnviz.sounds.rates import at_rate
from attnviz.threads import cached_property

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATES = (1_000, 384_000)  # samples a second that a sound may have


@dataclass(frozen=True, eq=False)
class Sound:
    """One channel: `samples` `[sample]`, float32, usually from -1 to 1, `rate` of them a second; never changed.

    `notes` say what was done to it when it was opened: channels put together, cut. `open_sound` makes one of a file.
    Raises `SoundError` for samples of another shape or kind, for none, and for a rate that no sound has.

    >>> import numpy as np
    >>> Sound(np.zeros(4000, "float32"), 8000, name="still").seconds
    0.5
    """

    samples: NDArray[np.float32]
    rate: int
    name: str = ""
    notes: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        given: Any = self.samples
        if not isinstance(given, np.ndarray) or given.dtype != np.float32 or given.ndim != 1:
            raise SoundError("sound_samples", got=array_shown(given))
        if not given.size:
            raise SoundError("sound_empty")
        if isinstance(self.rate, bool) or not isinstance(self.rate, int) or not RATES[0] <= self.rate <= RATES[1]:
            raise SoundError("sound_rate", rate=shown(self.rate), least=RATES[0], most=RATES[1])
        own = np.nan_to_num(given, posinf=0.0, neginf=0.0)
        own.flags.writeable = False
        object.__setattr__(self, "samples", own)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    @cached_property
    def fingerprint(self) -> str:
        """What tells two sounds apart by their samples alone: the same for the same ones, whatever their name."""
        return sha256(f"{self.rate}:".encode() + self.samples.tobytes()).hexdigest()

    def at(self, rate: int) -> NDArray[np.float32]:
        """Its samples at another rate (`rates.at_rate`)."""
        return at_rate(self.samples, self.rate, rate)

    def part(self, start: float, end: float) -> Sound:
        """From one second to before another. Raises `SoundError` where nothing is left."""
        first, last = (min(max(0, round(second * self.rate)), len(self.samples)) for second in (start, end))
        return Sound(self.samples[first:last].copy(), self.rate, self.name, self.notes)

    def wav(self) -> bytes:
        """The same as a file: WAV of 16 bits, what is louder than 1 cut off."""
        import soundfile

        file = BytesIO()
        soundfile.write(file, self.samples.clip(-1, 1), self.rate, format="WAV", subtype="PCM_16")
        return file.getvalue()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sound):
            return NotImplemented
        return (self.name, self.rate) == (other.name, other.rate) and np.array_equal(self.samples, other.samples)

    def __hash__(self) -> int:
        return hash((self.name, self.fingerprint))

    def __repr__(self) -> str:
        called = f"{self.name!r}, " if self.name else ""
        return f"Sound({called}{self.seconds:.2f} s, {self.rate} Hz)"
