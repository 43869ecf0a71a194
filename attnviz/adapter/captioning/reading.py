"""A picture as a model of pictures and texts reads it: what the network is given, and where each token of it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.adapter.captioning.kinds import ACROSS, MERGED, TILED
from attnviz.adapter.vision.reading import seen
from attnviz.axes import Box, Illustrated, Patches
from attnviz.errors import ModelError
from attnviz.pictures import Picture, Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.text.tokens import Encoded

Corners = tuple[float, float, float, float]
AROUND = "<fake_token_around_image>"  # before and after the tokens of a picture, in Idefics3 and SmolVLM


@dataclass(frozen=True, eq=False)
class Sight:
    """What a model is given of a picture: `given`, by the names of the network's arguments.

    Where its tokens stand in the prompt, `names` and `boxes` say of each what it is called and what it covers, `stands`
    what is written in the place of the picture, in which each image token stands for `each` of them. Where words look
    across at patches, `axis` has those. `patches` is how many its tower looks at, at a time.
    """

    picture: Picture
    given: Mapping[str, NDArray[Any]]
    patches: int
    names: tuple[str, ...] = ()
    boxes: tuple[Corners | None, ...] = ()
    stands: str = ""
    each: int = 0
    axis: Patches | None = None


def sighted(name: str, config: Any, processor: Any, picture: Picture, token: str) -> Sight:
    """The picture as the model of this configuration reads it; `token` is what stands for a picture in its prompts.

    Raises `PictureError`, `ModelError`.
    """
    if config.model_type in MERGED:
        return merged(
            picture, _prepared(processor, picture), int(processor.patch_size), int(processor.merge_size), token
        )
    if config.model_type in TILED:
        return tiled(picture, _prepared(processor, picture, return_row_col_info=True), config, token)
    read = _seen(name, config.vision_config, processor, picture)
    found = Sight(picture, {"pixel_values": read.values[None]}, len(read.axis))
    if config.model_type in ACROSS:
        return replace(found, axis=read.axis)
    first = len(read.axis.first) if _keeps_first(config) else 0
    places = range(len(read.axis.first) - first, len(read.axis))
    names = tuple(read.axis.labels[place] for place in places)
    return replace(found, names=names, boxes=tuple(_corners(read.axis, place) for place in places), stands=token,
                   each=len(places))  # fmt: skip


def _prepared(processor: Any, picture: Picture, **more: Any) -> Mapping[str, Any]:
    """What transformers' own processor makes of a picture."""
    found: Mapping[str, Any] = processor(images=picture.image(), return_tensors="np", **more)
    return found


def merged(picture: Picture, prepared: Mapping[str, Any], patch: int, merge: int, token: str) -> Sight:
    """A picture of any size whose patches are merged by squares (Qwen2-VL): a token for each square, row by row."""
    _, rows, columns = map(int, prepared["image_grid_thw"][0])
    grid = Patches(picture.width, picture.height, rows // merge, columns // merge)
    given = {
        "pixel_values": np.asarray(prepared["pixel_values"], np.float32),
        "image_grid_thw": np.asarray(prepared["image_grid_thw"]),
    }
    boxes = tuple(_corners(grid, place) for place in range(len(grid)))
    return Sight(picture, given, rows * columns, grid.labels, boxes, token, len(grid))


def tiled(picture: Picture, prepared: Mapping[str, Any], config: Any, token: str) -> Sight:
    """A large picture in tiles, row by row, and after them all of it once more, as small as a tile (Idefics3).

    A tile is cut into patches, which are merged by squares; `stands` is as `Idefics3Processor` writes it.
    """
    (rows,), (columns,) = prepared["rows"][0], prepared["cols"][0]
    side = int(config.vision_config.image_size) // int(config.vision_config.patch_size)
    small = side // int(config.scale_factor)
    given = {name: np.asarray(prepared[name]) for name in ("pixel_values", "pixel_attention_mask") if name in prepared}
    width, height = picture.width, picture.height
    whole = Patches(width, height, small, small)
    fine = Patches(width, height, max(rows, 1) * small, max(columns, 1) * small)
    names, boxes = list[str](), list[Corners | None]()
    for tile in range(rows * columns):
        top, left = (number * small for number in divmod(tile, columns))
        for row in range(top, top + small):
            places = range(row * fine.columns + left, row * fine.columns + left + small)
            names += [fine.labels[place] for place in places]
            boxes += [_corners(fine, place) for place in places]
    names += [f"[{label}]" if rows * columns else label for label in whole.labels]
    boxes += [_corners(whole, place) for place in range(len(whole))]
    return Sight(picture, given, side * side, tuple(names), tuple(boxes), _tiles(rows, columns, token), small * small)


def _tiles(rows: int, columns: int, token: str) -> str:
    """What a prompt has in the place of a picture in so many tiles."""
    lines = [
        "".join(f"{AROUND}<row_{row + 1}_col_{column + 1}>{token}" for column in range(columns)) + "\n"
        for row in range(rows)
    ]
    return "".join(lines) + "\n" * bool(rows) + f"{AROUND}<global-img>{token}{AROUND}"


def _seen(name: str, config: Any, processor: Any, picture: Picture) -> Seen:
    """The picture as the tower reads it; laid in the middle of a square before, where a folder asks for that."""
    longest = max(picture.width, picture.height)
    if not getattr(processor, "do_pad", False) or picture.width == picture.height:
        return seen(name, config, processor, picture)
    across, down = (longest - picture.width) // 2, (longest - picture.height) // 2
    read = seen(
        name,
        config,
        processor,
        Picture(processor.pad_to_square(picture.pixels.transpose(2, 0, 1), _ground(processor)).transpose(1, 2, 0)),
    )
    left, top, right, bottom = read.axis.covers
    region = left - across, top - down, right - across, bottom - down
    axis = replace(read.axis, width=picture.width, height=picture.height, region=region)
    return replace(read, picture=picture, axis=axis)


def _ground(processor: Any) -> tuple[int, ...]:
    """The colour of the square that a picture is laid in: the mean of what the model was trained on."""
    return tuple(int(part * 255) for part in processor.image_mean)


def _keeps_first(config: Any) -> bool:
    """Are a class token's states handed on with those of the patches?"""
    return bool(config.model_type == "llava" and config.vision_feature_select_strategy != "default")


def _corners(axis: Patches, place: int) -> Corners | None:
    """What a place of a picture covers of it."""
    found = axis.stands_for(place)
    return (found.left, found.top, found.right, found.bottom) if isinstance(found, Box) else None


def illustrated(name: str, encoded: Encoded, sight: Sight, token: int) -> Illustrated:
    """A prompt, in which each image token is as many places as it stands for, laid out on the picture.

    Raises `ModelError` for a prompt in which the picture's tokens are not all there.
    """
    places = [place for place, number in enumerate(encoded.ids) for _ in range(sight.each if number == token else 1)]
    ids = tuple(encoded.ids[place] for place in places)
    if ids.count(token) != len(sight.names):
        raise ModelError("picture_prompt", model=name)
    names, boxes = iter(sight.names), iter(sight.boxes)
    own = [number == token for number in ids]
    text = replace(
        encoded, ids=ids, labels=tuple(encoded.labels[place] for place in places),
        spans=tuple(None if image else encoded.spans[place] for place, image in zip(places, own, strict=True)),
        special=tuple(image or encoded.special[place] for place, image in zip(places, own, strict=True)),
    )  # fmt: skip
    width, height = sight.picture.width, sight.picture.height
    called = tuple(next(names) if image else "" for image in own)
    return Illustrated(text, width, height, called, tuple(next(boxes) if image else None for image in own))
