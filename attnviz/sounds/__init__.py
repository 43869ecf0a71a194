"""A sound as a person brings it: opened once, one channel, of a length that can be listened to."""

from attnviz.sounds.opening import KEPT, open_sound
from attnviz.sounds.parts import covered, cut, marked, spans_above
from attnviz.sounds.sound import Sound
from attnviz.sounds.spectrum import mel_picture

__all__ = ["KEPT", "Sound", "covered", "cut", "marked", "mel_picture", "open_sound", "spans_above"]
