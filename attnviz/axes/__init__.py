"""One side of a map, whatever it is made of.

    Patches     a picture            each place a box of pixels
    Levels      a picture            the same, on several levels of features
    Frames      a sound              each place a stretch of seconds
    Bands       a spectrogram        each place a stretch of seconds, in one band of pitch
    Spans       a series             each place some rows of its table
    Nodes       a graph              each place a point, where it is laid out
    Moments     a series in time     each place an hour, a day, a month
    Items       things with titles
    Steps       steps of something that goes on
    Slots       learned queries, latents, memory
    Sentences   a document in parts  each place a span of characters
    Beside      another axis with special places after it
    Illustrated another axis, some of whose places are places of a picture
    Encoded     a text in a model's tokens, each a span of characters; it lives with what cuts texts (`attnviz.text`)

Another kind is a frozen dataclass on `Axis` with `labels` and `special`; nothing that draws or counts need be told.
"""

from attnviz.axes.axis import Axis, Box, Characters, Point, Rows, Seconds, Stands, Wordless
from attnviz.axes.bands import Bands
from attnviz.axes.beside import Beside
from attnviz.axes.frames import Frames
from attnviz.axes.illustrated import Illustrated
from attnviz.axes.moments import Moments
from attnviz.axes.nodes import Nodes
from attnviz.axes.patches import Levels, Patches
from attnviz.axes.plain import Items, Slots, Steps
from attnviz.axes.sentences import Sentences
from attnviz.axes.spans import Spans
from attnviz.axes.units import Units

__all__ = [
    "Axis",
    "Bands",
    "Beside",
    "Box",
    "Characters",
    "Frames",
    "Illustrated",
    "Items",
    "Levels",
    "Moments",
    "Nodes",
    "Patches",
    "Point",
    "Rows",
    "Seconds",
    "Sentences",
    "Slots",
    "Spans",
    "Stands",
    "Steps",
    "Units",
    "Wordless",
]
