"""Networks built by hand, of which one knows where they look."""

from __future__ import annotations

from typing import Any


def looks_at_what_is_loud(made: Any) -> Any:
    """A network that looks at the loudest frame, in every head of every layer of its encoder, and of its cross map.

    The first number of what a layer reads is how loud a frame is, since the mean over all pitches (or over the
    squared wave, of which the sign is taken) is put there; queries are the same wherever one stands.
    """
    for name, weights in made.named_parameters():
        last = name.rsplit(".", 1)[-1]
        attends = any(part in name for part in ("q_proj", "k_proj"))
        if "layer_norm" in name or "layernorm" in name:
            weights.data.fill_(float(last == "weight"))
        elif "conv1" in name or "conv2" in name:
            weights.data.zero_()
            if last == "weight":
                weights.data[0, :, :] = 1.0 / weights[0].numel() if "conv1" in name else 0.0
                weights.data[0, 0, :] = 1.0 / weights.shape[-1] if "conv2" in name else weights.data[0, 0, :]
        elif attends:
            weights.data.zero_()
            if "q_proj" in name and last == "bias":
                weights.data[::8] = 60.0
            elif "k_proj" in name and last == "weight":
                weights.data[::8, 0] = 1.0
        elif any(part in name for part in ("v_proj", "out_proj", "fc1", "fc2", "embed_positions")):
            weights.data.zero_()
    return made
