"""Models that find things in a picture: DETR and its kind with transformers' ResNet, RT-DETR, YOLOS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from attnviz.adapter.vision.kinds import DETECTORS, both, first
from attnviz.adapter.vision.sampled import encodes, n_levels, points, points_of, spreads
from attnviz.answers import NO_OBJECT, Answer
from attnviz.axes import Axis, Levels, Patches, Slots
from attnviz.errors import ModelError, PictureError
from attnviz.guard import guarded
from attnviz.notices import Notice
from attnviz.pictures import Picture, Seen

QUERY = "query"  # what a slot is called
HEADED = "ForObjectDetection"  # what the classes that find things end with
BACKBONES = ("resnet", "rt_detr_resnet")
STEM = 4  # the stride of what stands before ResNet's stages


def check_detector(name: str, config: Any) -> None:
    """Refuse layers without a head, and a backbone that is not transformers' own ResNet. Raises `ModelError`."""
    if config.model_type in DETECTORS and not (config.architectures or [HEADED])[0].endswith(HEADED):
        raise ModelError("detector_alone", model=name)
    backbone = getattr(config, "backbone_config", None)
    kind = getattr(backbone, "model_type", "?")
    if config.model_type in DETECTORS and config.model_type != "yolos" and kind not in BACKBONES:
        raise ModelError("detector_backbone", model=name, kind=kind)


def usual_processor(name: str, model_type: str) -> tuple[Any, tuple[Notice, ...]]:
    """What prepares the pictures of a type whose folder does not say it, as transformers has it."""
    import transformers

    made = getattr(transformers, DETECTORS[model_type])()
    size = made.size
    if size["height"]:  # stretched to one size, as RT-DETR has it
        stretched = {"model": name, "height": size["height"], "width": size["width"]}
        return made, (Notice("picture_default", stretched),)
    said = {"model": name, "shortest": size["shortest_edge"], "longest": size["longest_edge"]}
    return made, (Notice("detector_default", said),)


def framed(name: str, config: Any, processor: Any, picture: Picture) -> Seen:
    """The picture as a detector reads it, and where each place of its features lies on it. Raises `PictureError`."""
    narrow = PictureError("picture_narrow", width=picture.width, height=picture.height)
    with guarded(lambda error: narrow):  # YOLOS rounds a short side down, to 0 as well
        prepared = processor(images=picture.image(), return_tensors="np")
    values = np.asarray(prepared["pixel_values"], np.float32)[0]
    if not np.all(prepared.get("pixel_mask", 1)):
        raise ModelError("picture_processor_other", model=name, kind=type(processor).__name__)
    _, rows, columns = values.shape
    high, wide = _stride(config)
    fills = config.model_type != "yolos"  # convolutions go on beyond the border, patches that do not fit are left out
    grid = (-(-rows // high), -(-columns // wide)) if fills else (rows // high, columns // wide)
    if not min(grid):
        raise PictureError("picture_no_patch", width=columns, height=rows, patch=max(high, wide))
    region = _covered(picture, (rows, columns), grid, (high, wide))
    special = (first(config), slot_names(config)) if config.model_type == "yolos" else ((), ())
    return Seen(picture, values, Patches(picture.width, picture.height, *grid, *special, region=region), (high, wide))


def _covered(
    picture: Picture, prepared: tuple[int, int], grid: tuple[int, int], stride: tuple[int, int]
) -> tuple[float, float, float, float]:
    """What a grid covers of the picture as it was brought, each place `stride` rows and columns of the prepared one."""
    (rows, columns), (down, across), (high, wide) = prepared, grid, stride
    return 0.0, 0.0, across * wide * picture.width / columns, down * high * picture.height / rows


def _stride(config: Any) -> tuple[int, int]:
    """How many rows and columns of the prepared picture one place stands for."""
    if config.model_type == "yolos":
        return both(config.patch_size)
    backbone = config.backbone_config
    stage = int(backbone.out_features[-1].removeprefix("stage"))
    stride = STEM * 2 ** (stage - 1) * (2 if backbone.downsample_in_first_stage else 1)
    return stride, stride


def strides(config: Any, levels: int) -> list[int]:
    """How many pixels of the prepared picture a cell of each level of features has a side; beyond the backbone's own
    each level has half as many cells as the one before.
    """
    backbone = config.backbone_config
    more = 2 if backbone.downsample_in_first_stage else 1
    found = [STEM * 2 ** (int(name.removeprefix("stage")) - 1) * more for name in backbone.out_features]
    return [*found, *(found[-1] * 2**more for more in range(1, levels))][:levels]


def n_slots(config: Any) -> int:
    """How many queries a detector asks the picture with."""
    if getattr(config, "two_stage", False):  # as many as the encoder proposes
        return int(config.two_stage_num_proposals)
    return int(config.num_detection_tokens if config.model_type == "yolos" else config.num_queries)


def slot_names(config: Any) -> tuple[str, ...]:
    """What its queries are called, in their order."""
    return Slots(n_slots(config), QUERY).labels


def levels(config: Any, read: Seen) -> Levels:
    """The places of a picture on every level of features; the last ones of a level may reach beyond the picture."""
    (_, rows, columns), picture = read.values.shape, read.picture
    grids = []
    for side in strides(config, n_levels(config)):
        grid = -(-rows // side), -(-columns // side)
        region = _covered(picture, (rows, columns), grid, (side, side))
        grids.append(Patches(picture.width, picture.height, *grid, region=region))
    return Levels(tuple(grids))


def encoded(config: Any, read: Seen) -> Axis:
    """The places that the encoder of a detector compares: those of one grid, or of every level."""
    return levels(config, read) if spreads(config) else read.axis


def sides(config: Any, places: Axis, slots: Axis) -> dict[str, tuple[Axis, Axis]]:
    """The queries and keys of each map of a detector: slots, `encoded` places, or points that either chose."""
    if config.model_type == "yolos":
        return {"self": (places, places)}
    if not points(config):
        return {"encoder": (places, places), "decoder": (slots, slots), "cross": (slots, places)}
    own: dict[str, tuple[Axis, Axis]] = {}
    own |= {"encoder": (places, points_of(config, "encoder"))} if spreads(config) else {}
    own |= {"encoder": (places, places)} if encodes(config) else {}
    return {**own, "decoder": (slots, slots), "cross": (slots, points_of(config))}


def slots_of(config: Any, result: Mapping[str, Any], read: Seen) -> Slots:
    """The slots with the box that each found, in pixels of the picture as it was brought."""
    boxes: Tensor = result["pred_boxes"][0].double()
    (high, wide), (_, rows, columns) = read.patch, read.values.shape
    left, top, right, bottom = read.axis.covers
    across, down = (right - left) / (read.axis.columns * wide), (bottom - top) / (read.axis.rows * high)
    found = []
    for x, y, width, height in boxes.tolist():
        ends = (x - width / 2) * columns * across, (y - height / 2) * rows * down
        found.append((*ends, ends[0] + width * columns * across, ends[1] + height * rows * down))
    return Slots(len(found), QUERY, tuple(found))


def found_by(config: Any, result: Mapping[str, Any], slots: Slots) -> Answer:
    """What a detector says of each slot: its labels and "no object" (DETR, YOLOS), or each label by itself."""
    scores: Tensor = result["logits"][0]
    labels = tuple(str((config.id2label or {}).get(number, f"LABEL_{number}")) for number in range(config.num_labels))
    if config.model_type in ("detr", "yolos"):
        return Answer("token", scores, (*labels, NO_OBJECT), slots, "one")
    return Answer("token", scores, labels, slots, "several")
