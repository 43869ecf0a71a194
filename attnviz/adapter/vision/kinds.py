"""Which types of models look at a picture, and what each puts before its patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The places before the patches, in the order in which each class joins them (`torch.cat` in its embeddings).
FIRST: Mapping[str, tuple[str, ...]] = {
    "vit": ("[CLS]",), "deit": ("[CLS]", "[DIST]"), "dinov2": ("[CLS]",), "dinov2_with_registers": ("[CLS]",),
    "clip_vision_model": ("[CLS]",), "siglip_vision_model": (), "beit": ("[CLS]",), "swin": (), "yolos": ("[CLS]",),
}  # fmt: skip
# Towers of models that read a text with a picture (`adapter.captioning`), which are not opened alone.
WITHIN: Mapping[str, tuple[str, ...]] = {"blip_vision_model": ("[CLS]",)}
# Types of which one tower looks at the picture, and the type of that.
TOWERS: Mapping[str, str] = {"clip": "clip_vision_model", "siglip": "siglip_vision_model"}
# Types that find things in a picture, each with a box, and how transformers prepares their pictures.
DETECTORS: Mapping[str, str] = {
    "detr": "DetrImageProcessorPil", "conditional_detr": "ConditionalDetrImageProcessorPil",
    "dab-detr": "ConditionalDetrImageProcessorPil", "yolos": "YolosImageProcessorPil",
    "rt_detr": "RTDetrImageProcessorPil", "rt_detr_v2": "RTDetrImageProcessorPil",
    "deformable_detr": "DeformableDetrImageProcessorPil",
}  # fmt: skip
# Other types that look at a few sampled points of the picture each: those of three types are read (`sampled`).
SAMPLED = frozenset({"d_fine", "deimv2", "grounding-dino", "lw_detr", "mm-grounding-dino", "rf_detr"})
# How transformers prepares the pictures of a type where its folder does not say it.
PROCESSORS: Mapping[str, str] = {
    "vit": "ViTImageProcessorPil", "deit": "DeiTImageProcessorPil", "dinov2": "BitImageProcessorPil",
    "dinov2_with_registers": "BitImageProcessorPil", "clip_vision_model": "CLIPImageProcessorPil",
    "siglip_vision_model": "SiglipImageProcessorPil", "beit": "BeitImageProcessorPil", "swin": "ViTImageProcessorPil",
}  # fmt: skip


def sees(model_type: str) -> bool:
    """Does a model of this type look at a picture, and is it read here?"""
    return model_type in FIRST or model_type in TOWERS or model_type in DETECTORS


def tower(config: Any) -> Any:
    """The configuration of what looks at the picture: the model's own, or that of its tower."""
    return config.vision_config if config.model_type in TOWERS else config


def first(config: Any) -> tuple[str, ...]:
    """The names of the special places before the patches: class token, distillation token, registers.

    >>> from types import SimpleNamespace
    >>> first(SimpleNamespace(model_type="dinov2_with_registers", num_register_tokens=2))
    ('[CLS]', '[REG1]', '[REG2]')
    """
    registers = getattr(config, "num_register_tokens", 0) if config.model_type == "dinov2_with_registers" else 0
    own = {**FIRST, **WITHIN}[config.model_type]
    return (*own, *[f"[REG{number + 1}]" for number in range(registers)])


def both(value: Any) -> tuple[int, int]:
    """A size that is one number for both sides, or one for each: rows, columns."""
    rows, columns = value if isinstance(value, list | tuple) else (value, value)
    return int(rows), int(columns)


def pads(config: Any) -> bool:
    """Does a model fill up a picture that its patches do not divide? The others leave its rest out."""
    return bool(config.model_type == "swin")
