"""Of a picture and a text that were read together: where on the picture weight lies, and how much of it."""

from attnviz.measures.pictured.shares import on_picture, picture_shares

__all__ = ["on_picture", "picture_shares"]
