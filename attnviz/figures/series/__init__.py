"""A series as a plain drawing, for a training that is watched."""

from attnviz.figures.series.frame import Frame, frame

__all__ = ["Frame", "frame"]
