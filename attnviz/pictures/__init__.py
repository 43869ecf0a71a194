"""A picture as a person brings it: opened once, upright, in colour, of a size that can be looked at."""

from attnviz.pictures.opening import open_picture
from attnviz.pictures.picture import Picture

__all__ = ["Picture", "open_picture"]
