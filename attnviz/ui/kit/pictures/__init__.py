"""Pictures on a page: one is chosen or brought, and the browser is given what it lights it up with."""

from attnviz.ui.kit.pictures.choosing import Pictures, picture_address, png
from attnviz.ui.kit.pictures.sent import named_label, numbers_of, place_boxes, tiles_sent, weights_sent

__all__ = [
    "Pictures", "named_label", "numbers_of", "picture_address",
    "place_boxes", "png", "tiles_sent", "weights_sent",
]  # fmt: skip
