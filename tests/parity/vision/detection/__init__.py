"""Models that find things, as tiny folders: each type that is read, and how it prepares a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf

import attnviz as av

LABELS = dict(id2label={0: "cat", 1: "猫", 2: "dog"}, label2id={"cat": 0, "猫": 1, "dog": 2})
SIZE = dict(
    encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=32,
    decoder_ffn_dim=32, num_queries=5, use_timm_backbone=False,
)  # fmt: skip
STRIDE = {"detr": 8, "conditional": 8, "dab": 16, "yolos": 8}
QUERIES = {"detr": 5, "conditional": 5, "dab": 5, "yolos": 4}
# Sizes that a stride does not divide: 97 x 61 is 12.1 x 7.6 places of 8.
SIZES = {"wide": (97, 61), "tall": (43, 90), "square": (64, 64)}


def _resnet(stages: int) -> hf.ResNetConfig:
    return hf.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 16][:stages], depths=[1, 1, 1][:stages], layer_type="basic",
        out_features=[f"stage{stages}"],
    )  # fmt: skip


KINDS: Mapping[str, Callable[[], Any]] = {
    "detr": lambda: hf.DetrForObjectDetection(
        hf.DetrConfig(backbone_config=_resnet(2), d_model=32, **SIZE, **LABELS)
    ),
    "conditional": lambda: hf.ConditionalDetrForObjectDetection(
        hf.ConditionalDetrConfig(backbone_config=_resnet(2), d_model=32, **SIZE, **LABELS)
    ),
    "dab": lambda: hf.DabDetrForObjectDetection(
        hf.DabDetrConfig(backbone_config=_resnet(3), hidden_size=32, **SIZE, **LABELS)
    ),
    "yolos": lambda: hf.YolosForObjectDetection(
        hf.YolosConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=[48, 64],
            patch_size=8, num_detection_tokens=4, **LABELS,
        )
    ),
}  # fmt: skip
PROCESSORS: Mapping[str, Callable[..., Any]] = {
    "detr": hf.DetrImageProcessorPil, "conditional": hf.ConditionalDetrImageProcessorPil,
    "dab": hf.ConditionalDetrImageProcessorPil, "yolos": hf.YolosImageProcessorPil,
}  # fmt: skip


def network(kind: str) -> Any:
    """The network of a kind, its weights wide enough to move attention and boxes."""
    torch.manual_seed(0)
    return widened(KINDS[kind]().float().eval(), 0.3)


def widened(made: Any, spread: float) -> Any:
    """A network with noise on the weights that stand behind its backbone."""
    for name, one in made.named_parameters():
        if one.ndim > 1 and "backbone" not in name:
            one.data.add_(spread * torch.randn_like(one))
    return made


def saved(folder: Path, kind: str, made: Any = None, **size: Any) -> Path:
    """A kind as a folder, its pictures scaled to a short side of 48 unless another size is given."""
    (network(kind) if made is None else made).save_pretrained(folder)
    PROCESSORS[kind](**(size or {"size": {"shortest_edge": 48, "longest_edge": 90}})).save_pretrained(folder)
    return folder


def opened(folder: Path) -> av.DetectionModel:
    """The model of a folder."""
    model = av.load(folder)
    assert isinstance(model, av.DetectionModel)
    return model


def noise(width: int, height: int) -> av.Picture:
    """The same random picture on every call."""
    return av.Picture(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))
