"""A picture as one model reads it: scaled, cropped and normalised, and where each patch lies on it."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnviz.adapter.vision.kinds import both, first, pads, tower
from attnviz.axes import Patches
from attnviz.errors import ModelError, PictureError
from attnviz.pictures import Picture, Seen

MOST = 36_000_000  # pixels of a picture after it was scaled: one of 1 x 5,000 is scaled up to 224 x 1,120,000


def seen(name: str, config: Any, processor: Any, picture: Picture) -> Seen:
    """The picture as the model of this configuration reads it. Raises `PictureError`, `ModelError`."""
    own = tower(config)
    rows, columns = _scaled(processor, picture)
    if rows * columns > MOST:
        raise PictureError("picture_narrow", width=picture.width, height=picture.height)
    prepared = processor(images=picture.image(), return_tensors="np")
    values = np.asarray(prepared["pixel_values"], np.float32)[0]
    region = _region(processor, rows, columns)
    if values.shape[1:] != (region[2], region[3]):
        raise ModelError("picture_processor_other", model=name, kind=type(processor).__name__)
    patch = both(own.patch_size)
    grid = _grid(values.shape[1], patch[0], pads(own)), _grid(values.shape[2], patch[1], pads(own))
    if not min(grid):
        raise PictureError("picture_no_patch", width=values.shape[2], height=values.shape[1], patch=max(patch))
    across, down = picture.width / columns, picture.height / rows  # pixels of the picture for one of the scaled
    left, top = region[1] * across, region[0] * down
    right, bottom = left + grid[1] * patch[1] * across, top + grid[0] * patch[0] * down
    axis = Patches(picture.width, picture.height, *grid, first(own), region=(left, top, right, bottom))
    return Seen(picture, values, axis, patch)


def inputs(network: Any, read: Seen) -> dict[str, Any]:
    """What a network is given; its positions are interpolated for another size than that it was trained on."""
    values: Tensor = torch.from_numpy(np.array(read.values))[None].to(network.dtype)
    own = tower(network.config)
    found: dict[str, Any] = {"pixel_values": values}
    seers = network, getattr(network, "vision_model", network)  # CLIP with labels hands on what it is given
    knows = any("interpolate_pos_encoding" in signature(one.forward).parameters for one in seers)
    if knows and own.model_type != "beit" and read.values.shape[1:] != both(own.image_size):
        found["interpolate_pos_encoding"] = True  # BEiT fits its biases by itself
    return found


def _scaled(processor: Any, picture: Picture) -> tuple[int, int]:
    """How many rows and columns a picture has once it was scaled, as transformers' `resize` has it."""
    from transformers.image_transforms import get_resize_output_image_size, get_size_with_aspect_ratio

    size = processor.size
    if not processor.do_resize:
        return picture.height, picture.width
    if size["shortest_edge"] and size["longest_edge"]:
        given = picture.height, picture.width
        return both(get_size_with_aspect_ratio(given, size["shortest_edge"], size["longest_edge"]))
    if size["shortest_edge"]:
        shape = np.broadcast_to(np.uint8(0), (3, picture.height, picture.width))
        return both(
            get_resize_output_image_size(
                shape, size=size["shortest_edge"], default_to_square=False, input_data_format="channels_first"
            )
        )
    return int(size["height"]), int(size["width"])


def _grid(length: int, patch: int, pads: bool) -> int:
    """How many patches a side has: those that fit, or one more for the rest."""
    return -(-length // patch) if pads else length // patch


def _region(processor: Any, rows: int, columns: int) -> tuple[int, int, int, int]:
    """What is cut out of the scaled picture: its first row and column, and how many; as transformers' `center_crop`.

    Where the cut is larger than the picture, that lies in zeros, its first row and column below 0 there.
    """
    if not getattr(processor, "do_center_crop", False):
        return 0, 0, rows, columns
    high, wide = int(processor.crop_size["height"]), int(processor.crop_size["width"])
    return _begin(rows, high), _begin(columns, wide), high, wide


def _begin(length: int, wanted: int) -> int:
    """Where a centred cut begins; below 0 where it is longer, by half the difference, rounded up."""
    return (length - wanted) // 2
