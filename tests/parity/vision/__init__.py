"""Models that look at pictures, as tiny folders: each kind that is read, and how it prepares a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from numpy.typing import NDArray

import attnviz as av
from attnviz.axes import Box
from tests.parity.architectures import spread_out

SEES = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8
)
READS = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, vocab_size=99,
    max_position_embeddings=32,
)  # fmt: skip
SWIN = dict(image_size=32, patch_size=4, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4)
LABELS = dict(id2label={0: "cat", 1: "猫", 2: "dog"}, label2id={"cat": 0, "猫": 1, "dog": 2})
PAIR = dict(text_config=READS, vision_config=SEES)
KINDS: Mapping[str, Callable[[], Any]] = {
    "vit": lambda: hf.ViTForImageClassification(hf.ViTConfig(**SEES, **LABELS)),
    "vit alone": lambda: hf.ViTModel(hf.ViTConfig(**SEES)),
    "deit": lambda: hf.DeiTForImageClassification(hf.DeiTConfig(**SEES, **LABELS)),
    "deit and its teacher": lambda: hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**SEES, **LABELS)),
    "dinov2": lambda: hf.Dinov2Model(hf.Dinov2Config(**SEES)),
    "dinov2 with registers": lambda: hf.Dinov2WithRegistersForImageClassification(
        hf.Dinov2WithRegistersConfig(**SEES, **LABELS, num_register_tokens=4)
    ),
    "clip": lambda: hf.CLIPModel(hf.CLIPConfig(**PAIR, projection_dim=16)),
    "clip tower": lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**SEES)),
    "clip with labels": lambda: hf.CLIPForImageClassification(hf.CLIPConfig(**PAIR, **LABELS, projection_dim=16)),
    "siglip": lambda: hf.SiglipModel(hf.SiglipConfig(**PAIR)),
    "siglip tower": lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**SEES)),
    "siglip with labels": lambda: hf.SiglipForImageClassification(hf.SiglipConfig(**PAIR, **LABELS)),
    "beit": lambda: hf.BeitForImageClassification(hf.BeitConfig(**SEES, **LABELS, use_relative_position_bias=True)),
    "beit shared": lambda: hf.BeitModel(hf.BeitConfig(**SEES, use_shared_relative_position_bias=True)),
    "swin": lambda: hf.SwinForImageClassification(hf.SwinConfig(**SWIN, **LABELS)),
}
FIRST = {"deit": 2, "deit and its teacher": 2, "dinov2 with registers": 5} | dict.fromkeys(
    ("siglip", "siglip tower", "siglip with labels", "swin"), 0
)
# Each way of preparing a picture that folders ask for, at sizes that patches of 8 do not divide too.
WAYS: Mapping[str, Callable[[], Any]] = {
    "stretched": lambda: hf.ViTImageProcessorPil(size={"height": 32, "width": 32}),
    "a rest left out": lambda: hf.ViTImageProcessorPil(size={"height": 37, "width": 46}),
    "stretched and cut": lambda: hf.DeiTImageProcessorPil(
        size={"height": 40, "width": 40}, crop_size={"height": 32, "width": 32}
    ),
    "short side and cut": lambda: hf.CLIPImageProcessorPil(
        size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}
    ),
    "short side, wide cut": lambda: hf.BitImageProcessorPil(
        size={"shortest_edge": 45}, crop_size={"height": 41, "width": 50}
    ),
    "filled up": lambda: hf.CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 33, "width": 40}),
    "as it is": lambda: hf.ViTImageProcessorPil(do_resize=False),
}
SIZES = {"wide": (97, 41), "tall": (43, 90), "square": (64, 64)}


def network(kind: str) -> Any:
    """The network of a kind, its weights wide enough to move attention."""
    torch.manual_seed(0)
    found = KINDS[kind]().float().eval()
    return spread_out(found, found.config.model_type)


def saved(folder: Path, made: Any, way: str | None = None) -> Path:
    """A network as a folder, with what says how its pictures are prepared where there is such."""
    made.save_pretrained(folder)
    if way is not None:
        WAYS[way]().save_pretrained(folder)
    return folder


def window_gap(mine: torch.Tensor, windows: torch.Tensor) -> float:
    """How far is a map `[head, query, key]` from windows `[window, head, place, place]` that a model returned?

    Each row of one must be a row of the other, zeros left out, in whatever order the windows come.
    """
    rows = windows.transpose(1, 2).flatten(0, 1).sort(-1, descending=True).values.flatten(1)
    ours = mine.transpose(0, 1).sort(-1, descending=True).values[..., : windows.shape[-1]].flatten(1)
    far = (rows[:, None] - ours[None]).abs().amax(-1)
    return max(float(far.min(0).values.max()), float(far.min(1).values.max()))


def noise(width: int, height: int) -> av.Picture:
    """The same random picture on every call."""
    return av.Picture(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))


def opened(folder: Path) -> av.VisionModel:
    """The model of a folder."""
    model = av.load(folder)
    assert isinstance(model, av.VisionModel)
    return model


def prepared(model: av.VisionModel, way: str, picture: av.Picture) -> NDArray[Any]:
    """What transformers' own processor makes of a picture."""
    found: NDArray[Any] = WAYS[way]()(images=picture.image(), return_tensors="np")["pixel_values"]
    return found


def lit(width: int, height: int, box: Box) -> av.Picture:
    """A dark picture with one bright box."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[round(box.top) : round(box.bottom), round(box.left) : round(box.right)] = 255
    return av.Picture(pixels)
