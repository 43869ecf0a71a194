"""The detector (DAB-DETR, Liu et al. 2022, of transformers), and what stands round it while it learns.

While it learns there are several sets of queries (Chen et al. 2022, "Group DETR"), queries that begin near true boxes
(Zhang et al. 2022, "DINO") and a head that says of every place what lies there; all of that is dropped afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from transformers import DabDetrConfig, DabDetrForObjectDetection, ResNetConfig
from transformers.models.dab_detr.modeling_dab_detr import (
    DabDetrFrozenBatchNorm2d,
    encode_sinusoidal_position_embedding,
    inverse_sigmoid,
)

from attnviz.training.detection.data import NAMES, NONE, Batch, Recipe

ANCHOR = (0.16, 0.21)  # the size in which every query begins: about that of a red cell
NEAR, FAR = 0.5, 1.0  # how far the corners of a noisy box go, in half its size: what is to be found, and what is not
MISNAMED = 0.2  # the share of noisy boxes that are given another label
EPSILON = 1e-5


def new_model(recipe: Recipe) -> DabDetrForObjectDetection:
    """A detector as the recipe has it, its queries in an even grid; its norms are frozen, as transformers has them."""
    stages: dict[str, Any] = {"hidden_sizes": [48, 128], "depths": [1, 2], "out_features": ["stage2"]}
    backbone = ResNetConfig(embedding_size=32, layer_type="basic", **stages)
    names = dict(enumerate(NAMES["en"]))
    said: dict[str, Any] = {
        "backbone_config": backbone, "use_timm_backbone": False, "hidden_size": recipe.width, "dropout": 0.0,
        "num_queries": recipe.columns * recipe.rows, "encoder_layers": recipe.encoder, "decoder_layers": recipe.decoder,
        "encoder_attention_heads": recipe.heads, "decoder_attention_heads": recipe.heads,
        "encoder_ffn_dim": recipe.inner, "decoder_ffn_dim": recipe.inner, "activation_function": "relu",
        "temperature_height": 10_000, "temperature_width": 10_000, "id2label": names,
        "label2id": {name: at for at, name in names.items()}, "label_names": NAMES,
    }  # fmt: skip
    model = DabDetrForObjectDetection(DabDetrConfig(**said))
    model.model.query_refpoint_embeddings.weight.data = _grid(recipe.columns, recipe.rows)
    for layer in model.model.decoder.layers:  # a query's place and a key's place are then alike where they are the same
        cross = layer.cross_attn
        cross.cross_attn_key_pos_proj.load_state_dict(cross.cross_attn_query_pos_sine_proj.state_dict())
    return model


def _grid(columns: int, rows: int) -> Float[Tensor, "query 4"]:
    """Anchors in an even grid, before the sigmoid."""
    across, down = (torch.arange(columns) + 0.5) / columns, (torch.arange(rows) + 0.5) / rows
    centres = torch.cartesian_prod(across, down)
    return torch.cat((centres, torch.tensor([ANCHOR]).expand(len(centres), 2)), -1).logit()


def thawed(model: DabDetrForObjectDetection) -> DabDetrForObjectDetection:
    """The detector with norms that learn in place of frozen ones."""
    for parent, name, frozen in list(_norms(model, DabDetrFrozenBatchNorm2d)):
        setattr(parent, name, nn.BatchNorm2d(len(frozen.weight)))
    return model


def frozen(learnt: DabDetrForObjectDetection, buffers: nn.Module, recipe: Recipe) -> DabDetrForObjectDetection:
    """A detector with the numbers of one that learnt, its norms folded into frozen ones; theirs are from `buffers`."""
    state, others = dict(learnt.state_dict()), dict(buffers.named_buffers())
    for name in [name for name in state if name.endswith("running_var")]:
        stem = name.removesuffix("running_var")
        scale = state[stem + "weight"] / (others[name] + EPSILON).sqrt()
        state[stem + "bias"] = state[stem + "bias"] - others[stem + "running_mean"] * scale
        state[stem + "weight"] = scale
        state[stem + "running_mean"], state[name] = torch.zeros_like(scale), torch.ones_like(scale)
    model = new_model(recipe)
    model.load_state_dict({name: value for name, value in state.items() if not name.endswith("num_batches_tracked")})
    model.eval()
    return model


def _norms(module: nn.Module, kind: type[nn.Module]) -> Iterator[tuple[nn.Module, str, Any]]:
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, kind):
                yield parent, name, child


class Beside(nn.Module):
    """What is dropped after learning: more queries, the content of noisy ones, heads that look at each place."""

    def __init__(self, recipe: Recipe, labels: int) -> None:
        """`labels` is how many kinds of thing there are."""
        super().__init__()
        count = (recipe.groups - 1) * recipe.columns * recipe.rows
        anchors = torch.cat((torch.rand(count, 2) * 0.96 + 0.02, torch.tensor([ANCHOR]).expand(count, 2)), -1)
        self.anchors = nn.Parameter(anchors.logit())
        self.named = nn.Embedding(labels, recipe.width)
        self.early, self.late = (nn.Linear(recipe.width, labels + 4) for _ in range(2))
        for head in (self.early, self.late):
            nn.init.constant_(head.bias[:labels], -4.0)
        nn.init.normal_(self.named.weight, std=0.5)


@dataclass(frozen=True)
class Guesses:
    """What all queries say after each layer, and what the heads say of each place before and after the encoder."""

    logits: Float[Tensor, "layer picture query label"]
    boxes: Float[Tensor, "layer picture query 4"]
    dense: tuple[Float[Tensor, "picture place value"], ...]
    noisy: Noisy
    shape: tuple[int, int]  # rows and columns of the places


@dataclass(frozen=True)
class Noisy:
    """Queries that begin near true boxes: half of them near enough to find them, half of them to find nothing."""

    boxes: Float[Tensor, "picture query 4"]
    labels: Int64[Tensor, "picture query"]
    real: Bool[Tensor, "picture query"]
    found: Int64[Tensor, "picture query"]  # the true box that each is to find, `NONE` where it is none


def noisy(batch: Batch) -> Noisy:
    """Two noisy boxes of every true one."""
    half = batch.boxes[..., 2:] / 2
    low, high = batch.boxes[..., :2] - half, batch.boxes[..., :2] + half
    kept = []
    for least, most in ((0.0, NEAR), (NEAR, FAR)):
        ends = []
        for end in (low, high):
            far = least + (most - least) * torch.rand_like(end)
            ends.append((end + far * half * torch.randn_like(end).sign()).clamp(0.0, 1.0))
        below, above = torch.minimum(*ends), torch.maximum(*ends)
        kept.append(torch.cat(((below + above) / 2, (above - below).clamp_min(0.01)), -1))
    other = torch.randint(len(NAMES["en"]), batch.labels.shape)
    labels = torch.where(torch.rand(batch.labels.shape) < MISNAMED, other, batch.labels).clamp_min(0)
    found = torch.arange(batch.labels.shape[1]).expand_as(batch.labels)
    found = torch.where(batch.real, found, NONE)
    twice = torch.cat((batch.real, batch.real), 1)
    return Noisy(torch.cat(kept, 1), labels.repeat(1, 2), twice, torch.cat((found, torch.full_like(found, NONE)), 1))


def guesses(model: DabDetrForObjectDetection, beside: Beside, batch: Batch) -> Guesses:
    """What the detector says of a batch while it learns, by the kept queries, the other groups and noisy queries."""
    base, extra = model.model, noisy(batch)
    count = len(batch.pixels)
    features, positions = base.backbone(batch.pixels, torch.ones(count, *batch.pixels.shape[-2:]))
    grid = features[-1][0]
    before = base.input_projection(grid).flatten(2).transpose(1, 2)
    places = positions[-1].flatten(2).transpose(1, 2)
    memory = base.encoder(inputs_embeds=before, attention_mask=None, object_queries=places, return_dict=True)[0]
    anchors = torch.cat((base.query_refpoint_embeddings.weight, beside.anchors)).expand(count, -1, 4)
    anchors = torch.cat((anchors.sigmoid(), extra.boxes), 1)
    content = torch.cat((torch.zeros(count, anchors.shape[1] - extra.labels.shape[1], memory.shape[-1]),
                         beside.named(extra.labels)), 1)  # fmt: skip
    asked = _may_ask(extra, base.num_queries, len(beside.anchors))
    logits, boxes = _decoded(model, (memory, places), (content, anchors), asked)
    dense = (beside.early(before), beside.late(memory))
    return Guesses(logits, boxes, dense, extra, (grid.shape[-2], grid.shape[-1]))


def _may_ask(extra: Noisy, queries: int, others: int) -> Float[Tensor, "picture 1 query query"]:
    """What is added to the scores between queries: each group keeps to itself, and nobody asks what is not there."""
    first = torch.arange(queries + others) // queries
    count, noise = extra.labels.shape
    near = torch.cat((first, torch.full((noise // 2,), -1), torch.full((noise - noise // 2,), -2)))
    allowed = (near[:, None] == near[None, :]).expand(count, -1, -1)
    there = torch.cat((torch.ones(count, len(first), dtype=torch.bool), extra.real), 1)
    allowed = (allowed & there[:, None, :]) | torch.eye(len(near), dtype=torch.bool)
    return torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)[:, None]


def _decoded(
    model: DabDetrForObjectDetection, seen: tuple[Tensor, Tensor], queries: tuple[Tensor, Tensor], asked: Tensor
) -> tuple[Float[Tensor, "layer picture query label"], Float[Tensor, "layer picture query 4"]]:
    """The decoder of transformers step by step, for queries of any number; their logits and boxes after each layer."""
    decoder, (memory, places), (hidden, box) = model.model.decoder, seen, queries
    half, logits, boxes, before = memory.shape[-1] // 2, [], [], box
    for number, layer in enumerate(decoder.layers):
        sine = encode_sinusoidal_position_embedding(box, num_pos_feats=half)
        asks = decoder.ref_point_head(sine)
        scale = 1 if number == 0 else decoder.query_scale(hidden)
        size = decoder.ref_anchor_head(hidden).sigmoid() / box[..., 2:]
        wide, high = size[..., :1].expand(*size.shape[:-1], half), size[..., 1:].expand(*size.shape[:-1], half)
        sine = sine[..., : 2 * half] * scale * torch.cat((high, wide), -1)
        hidden, _ = layer.self_attn(hidden, query_position_embeddings=asks, attention_mask=asked)
        hidden, _ = layer.cross_attn(
            hidden, encoder_hidden_states=memory, query_position_embeddings=asks, object_queries=places,
            query_sine_embed=sine,
        )  # fmt: skip
        hidden = layer.mlp(hidden)
        normed = decoder.layernorm(hidden)
        logits.append(model.class_embed(normed))
        boxes.append((model.bbox_predictor(normed) + inverse_sigmoid(before)).sigmoid())
        before = (model.bbox_predictor(hidden) + inverse_sigmoid(box)).sigmoid()
        box = before.detach()
    return torch.stack(logits), torch.stack(boxes)
