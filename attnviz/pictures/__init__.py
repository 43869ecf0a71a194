"""A picture as a person brings it: opened once, upright, in colour, of a size that can be looked at."""

from attnviz.pictures.opening import open_picture
from attnviz.pictures.picture import Picture
from attnviz.pictures.seen import Seen

__all__ = ["Picture", "Seen", "open_picture"]
