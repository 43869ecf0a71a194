"""Detectors whose queries choose the points that they look at, as tiny folders; and what transformers makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from torch import Tensor

import attnviz as av
from tests.parity.vision.detection import LABELS, SIZES, opened, widened

LEVELS, POINTS, HEADS, QUERIES = 3, 2, 4, 5
ENCODED = 3  # points of a place of the encoder, on each level
STAGES = [f"stage{number}" for number in (2, 3, 4)]
BACKBONE = dict(
    embedding_size=8, hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], layer_type="basic", out_features=STAGES
)
REALTIME = dict(
    encoder_hidden_dim=32, encoder_in_channels=[16, 16, 16], feat_strides=[8, 16, 32], encoder_ffn_dim=32, d_model=32,
    decoder_in_channels=[32, 32, 32], decoder_ffn_dim=32, decoder_layers=2, num_queries=QUERIES,
    decoder_attention_heads=HEADS, encoder_attention_heads=HEADS, decoder_n_points=POINTS, encoder_layers=1,
    hidden_expansion=0.5, freeze_backbone_batch_norms=True, **LABELS,
)  # fmt: skip


def _deformable(**more: Any) -> Any:
    config = hf.DeformableDetrConfig(
        backbone_config=hf.ResNetConfig(**BACKBONE), use_timm_backbone=False, d_model=32, encoder_layers=1,
        decoder_layers=2, encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=32,
        decoder_ffn_dim=32, num_queries=QUERIES, num_feature_levels=LEVELS, decoder_n_points=POINTS,
        encoder_n_points=ENCODED, **LABELS, **more,
    )  # fmt: skip
    return hf.DeformableDetrForObjectDetection(config)


def _realtime(maker: Any, config: Any) -> Any:
    return maker(config(backbone_config=hf.RTDetrResNetConfig(**BACKBONE), **REALTIME))


KINDS: Mapping[str, Callable[[], Any]] = {
    "rt_detr": lambda: _realtime(hf.RTDetrForObjectDetection, hf.RTDetrConfig),
    "rt_detr_v2": lambda: _realtime(hf.RTDetrV2ForObjectDetection, hf.RTDetrV2Config),
    "deformable": _deformable,
    "deformable with refined boxes": lambda: _deformable(with_box_refine=True),
}


def processor(kind: str) -> Any:
    """How pictures are prepared: stretched to one size, or by their short side."""
    if kind.startswith("rt_detr"):
        return hf.RTDetrImageProcessorPil(size={"height": 64, "width": 96})
    return hf.DeformableDetrImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 130})


def network(kind: str) -> Any:
    """The network of a kind, its weights wide enough to move points and boxes."""
    torch.manual_seed(0)
    made = widened(KINDS[kind]().float().eval(), 0.2)
    for name, one in made.named_parameters():
        if name.endswith("weight") and (one.ndim == 1 or "backbone" in name):
            one.data.fill_(0.3)  # norms that transformers begins near 0 let next to nothing through
    return made


def built(kind: str) -> Any:
    """A network of a kind by hand: the first number of a place's state is its brightness, on every level by itself,
    the second is 1; the brightest is proposed first, points lie in the middle of what is proposed and read brightness.
    """
    made = KINDS[kind]().eval()
    for name, numbers in [*made.named_parameters(), *made.named_buffers()]:
        if numbers.is_floating_point() and not name.endswith("n_points_scale"):
            norm = numbers.ndim == 1 and name.endswith(("weight", "running_var"))
            numbers.data.fill_(1.0 if norm else 0.0)
    for name, weights in made.named_parameters():
        if "model.encoder.layers" in name and "norm" not in name:
            continue  # of Deformable DETR: it would carry brightness from level to level
        if weights.ndim == 4:
            _handed_on(name, weights.data)
        elif name.endswith(("enc_output.0.weight", "value_proj.weight", "output_proj.weight", "enc_score_head.weight")):
            weights.data[0, 0] = 1.0
        elif name.endswith(("enc_output.0.bias", "output_proj.bias")) or re.search(r"model.input_proj.\d.1.bias", name):
            weights.data[1] = 1.0  # beside it a norm keeps how bright it is
    return made


def _handed_on(name: str, weights: Tensor) -> None:
    """What a convolution hands on of the brightness: the middle pixel; of two levels side by side that of its own."""
    if any(part in name for part in (".layer.", "lateral", "downsample", "bottlenecks", "conv1.conv")):
        return
    own = weights.shape[1] // 2 if name.endswith("conv2.conv.weight") else 0
    middle = weights.shape[2] // 2
    own_end, place = own + (3 if weights.shape[1] == 3 else 1), 6 if middle == 3 else middle  # of 7 x 7 the last
    weights[0, own:own_end, place, place] = 1.0


def saved(folder: Path, kind: str, made: Any = None, prepares: Any = None) -> Path:
    """A kind as a folder, its pictures prepared as usual or otherwise."""
    (network(kind) if made is None else made).save_pretrained(folder)
    (processor(kind) if prepares is None else prepares).save_pretrained(folder)
    return folder


@dataclass
class Theirs:
    """What transformers' own modules were given: places and weights `[query, head, level, point]` of each layer."""

    places: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    encoder: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # the same of the encoder's places
    result: Any = None
    size: tuple[int, int] = (0, 0)  # rows and columns of the prepared picture

    def hear(self, places: Tensor, weights: Tensor) -> None:
        self.places.append(places[0].flatten(2, -2))
        self.weights.append(weights[0].flatten(2))

    def hear_encoder(self, places: Tensor, weights: Tensor) -> None:
        self.encoder.append((places[0].flatten(2, -2), weights[0].flatten(2)))


def theirs(folder: Path, kind: str, picture: av.Picture, patch: pytest.MonkeyPatch) -> Theirs:
    """A run of transformers' own network, listened to where it reads off its points."""
    from transformers.models.rt_detr_v2 import modeling_rt_detr_v2 as second

    own = type(network(kind)).from_pretrained(folder, attn_implementation="eager").eval()
    found = Theirs()
    if kind == "rt_detr_v2":
        read = second.multi_scale_deformable_attention_v2

        def heard(value: Any, shapes: Any, places: Any, weights: Any, *more: Any) -> Any:
            found.hear(places, weights)
            return read(value, shapes, places, weights, *more)

        patch.setattr(second, "multi_scale_deformable_attention_v2", heard)
    else:
        for layer in own.model.decoder.layers:
            layer.encoder_attn.attn.register_forward_pre_hook(lambda module, given: found.hear(given[4], given[5]))
        for layer in own.model.encoder.layers if kind.startswith("deformable") else ():
            layer.self_attn.attn.register_forward_pre_hook(lambda module, given: found.hear_encoder(given[4], given[5]))
    prepared = processor(kind)(images=picture.image(), return_tensors="pt")
    with torch.inference_mode():
        found.size = tuple(prepared["pixel_values"].shape[2:])
        found.result = own(pixel_values=prepared["pixel_values"], output_attentions=True)
    patch.undo()
    return found


__all__ = [
    "ENCODED",
    "HEADS",
    "KINDS",
    "LEVELS",
    "POINTS",
    "QUERIES",
    "SIZES",
    "Theirs",
    "built",
    "network",
    "opened",
    "saved",
    "theirs",
]
