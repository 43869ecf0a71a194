"""A sound as one model hears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attnviz.axes import Bands, Frames
from attnviz.notices import Notice
from attnviz.sounds.sound import Sound

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Heard:
    """What a model is given of a sound: `values` `[1, ...]`, a wave or its spectrogram; `axis`: when each place is.

    A long sound is heard in windows of the model's length: this is number `window` of `windows`, from `begin` to `end`
    in seconds of the sound, and `notes` say so. What a model fills its window up with is special on the axis. `record`
    takes it in place of the sound.
    """

    sound: Sound
    values: NDArray[np.float32]
    axis: Frames | Bands
    begin: float
    end: float
    window: int = 0
    windows: int = 1
    notes: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        own = np.array(self.values, np.float32)
        own.flags.writeable = False
        object.__setattr__(self, "values", own)
