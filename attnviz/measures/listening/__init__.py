"""When was each token heard, and do heads follow the sound? Alignment and places in time, over plain tensors."""

from attnviz.measures.listening.alignment import aligned, cheapest_path, first_frames, following_heads
from attnviz.measures.listening.following import follows, monotonic
from attnviz.measures.listening.placing import forward, inside_spans, middles
from attnviz.measures.listening.times import heard_at

__all__ = [
    "aligned", "cheapest_path", "first_frames", "following_heads", "follows", "forward", "heard_at", "inside_spans",
    "middles", "monotonic",
]  # fmt: skip
