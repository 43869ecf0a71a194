"""Open a sound from a file or bytes, as much of it as is listened to.

The formats are those of libsndfile, by way of soundfile: WAV, FLAC, OGG (Vorbis, Opus), MP3, AIFF and others. It
decodes by itself and calls no other program. M4A, AAC and WMA are not among them.
"""

from __future__ import annotations

import os
import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz import doors
from attnviz.errors import SoundError, first_line, shown
from attnviz.guard import guarded, sentences
from attnviz.notices import Notice
from attnviz.sounds.sound import RATES, Sound

if TYPE_CHECKING:
    import numpy as np
    import soundfile
    from numpy.typing import NDArray

KEPT = 60.0  # seconds of a sound that are opened; an hour of two channels at 96 kHz would take 2.8 GB
OBJECT = re.compile(r"Error opening <[^>]*>: ")
AT_ONCE = 1.0  # second that is read at a time, so that many channels take little


@sentences
def open_sound(source: Any, *, name: str = "", most: float = KEPT) -> Sound:
    """Open a sound: of a path, or the bytes of a file. At most its first `most` seconds are read.

    Several channels are put together to their mean; the rate stays as it is (`Sound.at`). `Sound.notes` say which of
    these was done. `name` is the file's unless given. Raises `SoundError` with what is wrong: no file, no sound, one
    that ends too early, one without a sample.
    """
    if isinstance(source, Sound):
        return source
    with guarded(_damaged):
        if isinstance(source, (bytes, bytearray, memoryview)):
            if not len(source):
                raise SoundError("sound_empty")
            return _of_file(BytesIO(bytes(source)), name, most)
        return _of_path(source, name, most)


def _of_path(source: Any, name: str, most: float) -> Sound:
    """The sound in a file."""
    try:
        path = Path(os.fsdecode(os.fspath(source)))
    except Exception as reason:
        raise SoundError("sound_kind", got=shown(source)) from reason
    doors.check("path", path)
    try:
        if not path.is_file():  # a device or a pipe may never end
            raise SoundError("sound_missing", place=str(path))
        if not path.stat().st_size:
            raise SoundError("sound_empty")
        opened = path.open("rb")
    except (OSError, ValueError) as reason:  # no right to read it, a name that no file can have
        raise SoundError("sound_unopened", place=str(path), reason=first_line(reason)) from reason
    with opened:
        return _of_file(opened, name or path.name, most)


def _of_file(file: Any, name: str, most: float) -> Sound:
    """The sound of an open file."""
    import soundfile

    try:
        opened = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, TypeError) as reason:
        raise SoundError("sound_unknown", reason=_reason(reason)) from reason
    with opened:
        rate = int(opened.samplerate)
        if not RATES[0] <= rate <= RATES[1]:
            raise SoundError("sound_rate", rate=rate, least=RATES[0], most=RATES[1])
        samples = _read(opened, round(most * rate))
        if not len(samples):
            raise SoundError("sound_empty")
        whole = max(int(opened.frames), len(samples))
        return Sound(samples, rate, name, tuple(_notes(opened.channels, whole / rate, len(samples) / rate)))


def _read(opened: soundfile.SoundFile, most: int) -> NDArray[np.float32]:
    """The mean of all channels, as far as it is wanted or goes."""
    import numpy as np

    found: list[NDArray[np.float32]] = []
    left = most
    while left > 0:
        block = opened.read(min(left, round(AT_ONCE * opened.samplerate)), dtype="float32", always_2d=True)
        if not len(block):
            break
        found.append(block.mean(axis=1, dtype=np.float32))
        left -= len(block)
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def _notes(channels: int, whole: float, read: float) -> list[Notice]:
    """What a reader should know of it."""
    found = [Notice("sound_channels", {"count": channels})] if channels > 1 else []
    if whole - read > 0.005:
        found.append(Notice("sound_opened", {"whole": round(whole, 1), "read": round(read, 1)}))
    return found


def _damaged(error: BaseException) -> SoundError:
    """Why could a sound not be decoded?"""
    return SoundError("sound_damaged", reason=_reason(error))


def _reason(error: BaseException) -> str:
    """What libsndfile says is wrong, without the object that it was given in place of a name."""
    return OBJECT.sub("", first_line(error)).rstrip(".") or type(error).__name__
