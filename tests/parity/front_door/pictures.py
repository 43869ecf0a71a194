"""Types that look at a picture, at the same door: what is read of one is compared with transformers' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from attnviz import Trace, VisionModel
from tests.parity.architectures.compare import worst
from tests.parity.vision import noise, window_gap

PICTURE = noise(97, 41)


def gaps(model: VisionModel, trace: Trace, folder: Path) -> tuple[float, float]:
    """How far weights and last states are from what the same class makes of it with its own attention."""
    made: Any = model.network
    eager = type(made).from_pretrained(folder, config=made.config, attn_implementation="eager").eval()
    values = model.processor(images=PICTURE.image(), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        plain = eager(pixel_values=values, output_attentions=True)
    if model.network.config.model_type == "swin":
        return max(_windows(trace, plain.attentions)), worst(trace.map(trace.parts[-1]).outputs, plain[0][0])
    weights = [worst(trace.weights(layer), theirs[0]) for layer, theirs in enumerate(plain.attentions)]
    return max(weights), worst(trace.outputs, plain.last_hidden_state[0])


def _windows(trace: Trace, returned: Any) -> list[float]:
    """The gaps of the last layer of each stage, which is what Swin returns."""
    parts = zip(trace.parts, returned, strict=True)
    return [window_gap(trace.map(part).weights(trace.map(part).n_layers - 1), theirs) for part, theirs in parts]
