"""When was each token heard? Alignment of written tokens with a sound, over plain tensors."""

from attnviz.measures.listening.alignment import aligned, cheapest_path, first_frames, following_heads
from attnviz.measures.listening.following import follows, monotonic
from attnviz.measures.listening.times import heard_at

__all__ = ["aligned", "cheapest_path", "first_frames", "following_heads", "follows", "heard_at", "monotonic"]
