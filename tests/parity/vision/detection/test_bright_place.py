"""One bright place on a dark picture, and detectors built by hand whose queries look at what is bright: nowhere else.

Every weight is 0 but for these: the convolutions hand on the brightness of a pixel inside each place (of a filter of 7
x 7 the last one), the first number of a state is that brightness and the second is 1, the first number of a query
is a constant and that of a key is the brightness. Norms keep the order of brightness.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers as hf

import attnviz as av
from attnviz.axes import Box
from tests.parity.vision import lit
from tests.parity.vision.detection import KINDS, SIZES, opened, saved

SHARP = 60.0
# What asks and what answers in the map from queries to places, by type.
SIDES = {
    "detr": ("encoder_attn.q_proj.bias", "encoder_attn.k_proj.weight"),
    "conditional": ("encoder_attn.q_content_proj.bias", "encoder_attn.k_content_proj.weight"),
    "dab": ("cross_attn.cross_attn_query_content_proj.bias", "cross_attn.cross_attn_key_content_proj.weight"),
    "yolos": ("attention.query.bias", "attention.key.weight"),
}


def built(kind: str) -> Any:
    """A network of a kind whose queries look at what is bright, in every head of every layer."""
    made = KINDS[kind]()
    if kind == "detr":  # its keys are what a place holds and where it is: of learned positions nothing is left at 0
        config = made.config
        config.position_embedding_type = "learned"
        made = hf.DetrForObjectDetection(config)
    asks, answers = SIDES[kind]
    for name, weights in made.eval().named_parameters():
        weights.data.zero_()
        if "norm" in name.lower() and name.endswith("weight"):
            weights.data.fill_(1.0)
        elif name.endswith("embedder.embedder.convolution.weight"):
            weights.data[0, :, 6, 6] = 1 / 3
        elif "shortcut" in name or name.endswith("input_projection.weight"):
            weights.data[0, 0] = 1.0
        elif name.endswith("input_projection.bias"):
            weights.data[1] = 1.0
        elif "patch_embeddings.projection" in name:
            weights.data[0 if name.endswith("weight") else 1] = 1 / 192 if name.endswith("weight") else 1.0
        elif name.endswith(("cls_token", "detection_tokens")):
            weights.data[..., 0], weights.data[..., 1] = -3.0, 1.0
        elif name.endswith(asks):
            weights.data[::8] = SHARP
        elif name.endswith(answers):
            weights.data[::8, 0] = 1.0
    return made


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bright_place_is_where_every_query_looks(kind: str, scaled: bool, size: str, tmp_path: Path) -> None:
    sized = {} if scaled else {"do_resize": False}
    model, (width, height) = opened(saved(tmp_path, kind, built(kind), **sized)), SIZES[size]
    axis, first = model.see(av.Picture(np.zeros((height, width, 3), np.uint8))).axis, int(kind == "yolos")
    for place in (first, first + axis.columns + 2, first + axis.rows * axis.columns - 1):
        box = axis.stands_for(place)
        assert isinstance(box, Box)
        if min(box.right - box.left, box.bottom - box.top) <= 6:  # a sliver at the border, whose pixel may lie outside
            continue
        trace = av.record(model, lit(width, height, box))
        asked = trace.weights(0)[:, -model.queries :]
        assert set(asked.argmax(-1).unique().tolist()) == {place}, (place, box)
        assert float(asked[..., place].min()) > 0.9
