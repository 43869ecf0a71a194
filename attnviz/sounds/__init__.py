"""A sound as a person brings it: opened once, one channel, of a length that can be listened to."""

from attnviz.sounds.opening import KEPT, open_sound
from attnviz.sounds.parts import covered, cut, marked, spans_above
from attnviz.sounds.sound import Sound

__all__ = ["KEPT", "Sound", "covered", "cut", "marked", "open_sound", "spans_above"]
