"""Attention to a few points that each query chooses for itself (Zhu et al. 2021, "Deformable DETR", eq. 2 and 3).

A query is compared with a learned key for each of its points, on every level of the features; what it takes is read off
the features where the points lie. transformers' modules compute that by themselves: they are given another `forward`,
once after they were loaded, which sends the comparison through `attend` and leaves the reading off as it is.
"""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import Any

from torch import Tensor

from attnviz.adapter.registered import sent
from attnviz.axes import Items
from attnviz.core.attention import Sampled, attend
from attnviz.core.interventions import ForbidEdge, HideToken, Intervention, Restrict, check_tokens
from attnviz.core.rules import Soft
from attnviz.errors import AttnvizError

OF_LAYERS = frozenset({"rt_detr", "rt_detr_v2"})  # whose encoder looks at all places of the coarsest level
POINTED = OF_LAYERS | {"deformable_detr"}
MODULES = frozenset(
    {"DeformableDetrMultiscaleDeformableAttention", "RTDetrMultiscaleDeformableAttention"}
    | {"RTDetrV2MultiscaleDeformableAttention"}
)


def points(config: Any) -> bool:
    """Do the queries of a model of this configuration look at points that they choose?"""
    return bool(config.model_type in POINTED)


def n_levels(config: Any) -> int:
    """On how many levels of features the points of a query lie."""
    return int(getattr(config, "decoder_n_levels", None) or config.num_feature_levels)


def points_of(config: Any, part: str = "cross") -> Items:
    """The points of a query, or of a place of the encoder, by level (the finest is 1) and number."""
    levels, count = n_levels(config), int(config.encoder_n_points if part == "encoder" else config.decoder_n_points)
    return Items(tuple(f"level {n // count + 1}, point {n % count + 1}" for n in range(levels * count)))


def encodes(config: Any) -> bool:
    """Does the encoder look at all places of the coarsest level, and at no other?"""
    own = list(getattr(config, "encode_proj_layers", ()))
    return config.model_type in OF_LAYERS and own == [config.num_feature_levels - 1] and bool(config.encoder_layers)


def spreads(config: Any) -> bool:
    """Do the places of the encoder, on all levels, look at points that they choose, as Deformable DETR's do?"""
    return config.model_type == "deformable_detr" and bool(config.encoder_layers)


def proposes(config: Any) -> bool:
    """Are the queries places that the encoder proposes? In another picture the same number is another query."""
    return bool(config.model_type.startswith("rt_detr") or getattr(config, "two_stage", False))


def check_points(changes: tuple[Intervention, ...], config: Any, places: int, slots: int) -> None:
    """Refuse changes that name places where there are points, and points that nobody has: `AttnvizError`. `places` are
    those of the encoder's map.
    """
    pointed = {"cross": slots} | ({"encoder": places} if spreads(config) else {})
    own = {*pointed, "decoder", *(["encoder"] if encodes(config) else [])}
    for change in changes:
        if not _of_heads(change) and change.part not in own:
            raise AttnvizError("points_no_places", change=str(change))
        if change.part in pointed:
            change.check(pointed[change.part], len(points_of(config, change.part)))
    check_tokens([one for one in changes if one.part not in pointed or _of_heads(one)], places, slots)


def _of_heads(change: Intervention) -> bool:
    """Does a change name heads, and no place?"""
    return not isinstance(change, HideToken | ForbidEdge | Restrict)


def attending_points(network: Any) -> None:
    """Let a network compare its queries with their points by `attend`; other networks are left as they are."""
    for module in network.modules():
        if type(module).__name__ in MODULES:
            module.forward = partial(_looking, module)


def _looking(module: Any, *given: object, **named: object) -> tuple[Tensor, Tensor]:
    """What each query takes from its points; the arguments are those of the module's own `forward`."""
    told = signature(type(module).forward).bind(module, *given, **named).arguments
    spatial_shapes, asked = told["spatial_shapes"], told["hidden_states"]
    if (embeddings := told.get("position_embeddings")) is not None:
        asked = asked + embeddings
    values = module.value_proj(told["encoder_hidden_states"])
    if (mask := told.get("attention_mask")) is not None:
        values = values.masked_fill(~mask[..., None], 0.0)
    values = values.unflatten(-1, (module.n_heads, -1))
    places = _places(module, asked, told["reference_points"], spatial_shapes)
    call = sent(module, _compared(module, asked, _cells(module, places, spatial_shapes)))
    gate = call.values.transpose(-1, -2)  # 1, or 0 of a head that was taken away
    weights = (call.weights.to(values.dtype) * gate).transpose(1, 2)
    if hasattr(module, "attn"):  # of Deformable DETR and the first RT-DETR
        shape = (-1, module.n_levels, module.n_points)
        read = module.attn(
            values, spatial_shapes, told["spatial_shapes_list"], told.get("level_start_index"),
            places.unflatten(-2, shape[1:]), weights.unflatten(-1, shape[1:]), module.im2col_step,
        )  # fmt: skip
    else:
        from transformers.models.rt_detr_v2.modeling_rt_detr_v2 import multi_scale_deformable_attention_v2

        read = multi_scale_deformable_attention_v2(
            values, told["spatial_shapes_list"], places, weights, module.n_points_list, module.method
        )
    return module.output_proj(read), weights


def _cells(module: Any, places: Tensor, shapes: Tensor) -> Tensor:
    """The places of points in cells of their own level: a level's last cells may reach beyond the picture."""
    return places * shapes.flip(-1).repeat_interleave(module.n_points, 0)


def _compared(module: Any, asked: Tensor, places: Tensor) -> Sampled:
    """Queries `[batch, head, query, width]` beside the keys of their points; values of 1 are the gate of a head."""
    heads, count = module.n_heads, module.n_levels * module.n_points
    queries = asked[:, None].expand(-1, heads, -1, -1)
    keys = module.attention_weights.weight.detach().view(1, heads, count, -1).expand(len(asked), -1, -1, -1)
    bias = module.attention_weights.bias.detach().view(1, heads, 1, count)
    call = attend(queries, keys, asked.new_ones(len(asked), heads, count, 1), rule=Soft(), bias=bias, scale=1.0)
    return Sampled.of(call, places.transpose(1, 2))


def _places(module: Any, asked: Tensor, around: Tensor, shapes: Tensor) -> Tensor:
    """Where the points lie, `[batch, query, head, point, 2]`: x and y as shares of each level's features."""
    levels, count = module.n_levels, module.n_points
    offsets = module.sampling_offsets(asked).unflatten(-1, (module.n_heads, levels, count, 2))
    middle = around[:, :, None, :, None, :2]
    if around.shape[-1] == 2:  # round a point, in places of each level
        found = middle + offsets / shapes.flip(-1)[None, None, None, :, None]
    else:  # round a box, as shares of it; of the second RT-DETR by a scale of its own
        scale = getattr(module, "offset_scale", 0.5)
        found = middle + offsets / count * around[:, :, None, :, None, 2:] * scale
    places: Tensor = found.flatten(-3, -2)
    return places
