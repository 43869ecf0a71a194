"""A sound's spectrogram, as a model reads it in patches of time and pitch."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.axes.axis import Seconds, Wordless, check_special
from attnviz.threads import cached_property


@dataclass(frozen=True)
class Bands(Wordless):
    """Patches of a spectrogram: for each band of `hertz`, from the lowest, all stretches of `seconds` in their order.

    `heard` is how many of the stretches lie in the sound; those after it are what a model fills its spectrogram up
    with, and special. `first` names the special places before all. Raises `ValueError` for what ends before it begins.

    >>> Bands(((0.0, 0.1), (0.1, 0.2)), ((0.0, 500.0), (500.0, 2000.0)), ("[CLS]",)).labels[3]
    '0.00 s 500 Hz'
    """

    seconds: tuple[tuple[float, float], ...]
    hertz: tuple[tuple[float, float], ...]
    first: tuple[str, ...] = ()
    heard: int | None = None
    unit = "patch"

    def __post_init__(self) -> None:
        check_special(self.first)
        for what, ends in (("a stretch", self.seconds), ("a band", self.hertz)):
            if any(not 0 <= start <= end for start, end in ends):
                raise ValueError(f"{what} ends before it begins")
        if self.heard is not None and not 0 <= self.heard <= len(self.seconds):
            raise ValueError(f"{self.heard} of {len(self.seconds)} stretches")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """When and how high each begins."""
        found = [f"{start:.2f} s {low:.0f} Hz" for low, _ in self.hertz for start, _ in self.seconds]
        return (*self.first, *found)

    @cached_property
    def special(self) -> tuple[bool, ...]:
        """The places that are no patch of the sound."""
        heard = len(self.seconds) if self.heard is None else self.heard
        band = [number >= heard for number in range(len(self.seconds))]
        return (*(True for _ in self.first), *(band * len(self.hertz)))

    def stands_for(self, place: int) -> Seconds | None:
        place = range(len(self.labels))[place]
        if self.special[place]:
            return None
        return Seconds(*self.seconds[(place - len(self.first)) % len(self.seconds)])

    def band(self, place: int) -> tuple[float, float] | None:
        """From what pitch to what a place reaches, in Hz; None for one that is no patch of the sound."""
        place = range(len(self.labels))[place]
        return None if self.special[place] else self.hertz[(place - len(self.first)) // len(self.seconds)]
