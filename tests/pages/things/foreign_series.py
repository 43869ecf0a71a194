"""Folders of models of values over time for the page: tiny random ones, and some built by hand that look at a spike."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from numpy.typing import NDArray

CONTEXT, AHEAD, PATCH = 24, 6, (6, 4)
FOLDERS = ("patchtst", "transformer", "informer")
SIZES = dict(
    d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=48, decoder_ffn_dim=48, prediction_length=AHEAD, context_length=CONTEXT,
)  # fmt: skip


def patched(**other: Any) -> hf.PatchTSTConfig:
    """A PatchTST of three channels: 22 rows in five patches of six, every four."""
    size, stride = PATCH
    said = dict(
        num_input_channels=3, context_length=22, patch_length=size, patch_stride=stride, prediction_length=AHEAD,
        d_model=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48,
    )  # fmt: skip
    return hf.PatchTSTConfig(**{**said, **other})


def made(kind: str, features: int = 5, *, head: bool = True, **other: Any) -> Any:
    """An untrained network of a kind."""
    if kind == "patchtst":
        return hf.PatchTSTForPrediction(patched(**other))
    said = {**SIZES, "lags_sequence": [1, 2, 7], "num_time_features": features, **other}
    if kind == "informer":
        return hf.InformerForPrediction(hf.InformerConfig(**said, sampling_factor=1))
    config = hf.TimeSeriesTransformerConfig(**said)
    return hf.TimeSeriesTransformerForPrediction(config) if head else hf.TimeSeriesTransformerModel(config)


def saved(folder: Path, kind: str, features: int = 5, *, head: bool = True) -> Path:
    """A kind with random weights, wide enough to move attention, as a folder."""
    torch.manual_seed(0)
    network = made(kind, features, head=head).float().eval()
    for name, one in network.named_parameters():
        if one.ndim > 1 and one.requires_grad and "embed_positions" not in name and "parameter_projection" not in name:
            one.data.add_(0.2 * torch.randn_like(one))
    network.save_pretrained(folder)
    return folder


@torch.no_grad()
def by_hand(folder: Path, kind: str) -> Path:
    """A kind that knows nothing but how high the values of a place are, and asks for the highest.

    The value goes to the first number of each place, and, where layers norm what they add up, something that is always
    there to the second; every query has one number, by its bias, every key the first of its place.
    """
    sizes: dict[str, Any] = dict(d_model=8, encoder_attention_heads=1, decoder_attention_heads=1)
    if kind == "patchtst":
        sizes = dict(d_model=8, num_attention_heads=1, num_input_channels=1, patch_stride=PATCH[0], context_length=24)
    network = made(kind, 1, **sizes, **({} if kind == "patchtst" else {"lags_sequence": [1]})).float().eval()
    for name, one in network.named_parameters():
        one.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
        if name.endswith("q_proj.bias"):
            one[0] = 20.0
        elif name.endswith("k_proj.weight"):
            one[0, 0] = 1.0
        elif "input_embedding" in name and one.ndim == 2:
            one[0] = 1.0  # the sum of a patch
        elif "value_embedding" in name:
            one[0, 0] = one[1, -1] = 1.0  # the value a step before; the age of the series
        elif name.endswith("downConv.weight"):
            one[range(8), range(8), 1] = 1.0  # as it is
    network.save_pretrained(folder)
    return folder


def shares(shown: dict[str, Any]) -> NDArray[np.float64]:
    """The weights that the browser is given, a row each place that looks."""
    sent, top = shown["weights"]
    whole = np.frombuffer(base64.b64decode(sent), "<u2").astype(float)
    return np.where(whole == 65535, 0.0, whole / 65534 * top).reshape(len(shown["asks"]), len(shown["cells"]))
