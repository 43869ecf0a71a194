"""A sound as a person brings it: opened once, one channel, of a length that can be listened to."""

from attnviz.sounds.opening import KEPT, open_sound
from attnviz.sounds.sound import Sound

__all__ = ["KEPT", "Sound", "open_sound"]
