"""Pictures on a page: one is chosen or brought, and the browser is given what it lights it up with."""

from attnviz.ui.kit.pictures.choosing import Pictures, picture_address, png
from attnviz.ui.kit.pictures.lit import PLACES, PictureClicks, hidden_now, lit_picture, say_notes, with_or_without
from attnviz.ui.kit.pictures.sent import named_label, numbers_of, place_boxes, tiles_sent, weights_sent

__all__ = [
    "PLACES", "PictureClicks", "Pictures", "hidden_now", "lit_picture", "named_label", "numbers_of", "picture_address",
    "place_boxes", "png", "say_notes", "tiles_sent", "weights_sent", "with_or_without",
]  # fmt: skip
