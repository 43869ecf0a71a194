"""Pictures on a page: one is chosen or brought, and the browser is given what it lights it up with."""

from attnviz.ui.kit.pictures.choosing import Pictures, opened_bytes, opened_path, picture_address, png
from attnviz.ui.kit.pictures.sent import allowed_weights, named_label, numbers_of, place_boxes, tiles_sent, weights_sent

__all__ = [
    "Pictures", "allowed_weights", "named_label", "numbers_of", "opened_bytes", "opened_path", "picture_address",
    "place_boxes", "png", "tiles_sent", "weights_sent",
]  # fmt: skip
