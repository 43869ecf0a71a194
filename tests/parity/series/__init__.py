"""Models of values over time, as tiny folders: each type that is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from numpy.typing import NDArray

import attnviz as av

CONTEXT, AHEAD = 24, 6
LAGGED = dict(
    prediction_length=AHEAD, context_length=CONTEXT, lags_sequence=[1, 2, 3, 7], num_time_features=2, d_model=32,
    encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
    decoder_ffn_dim=48,
)  # fmt: skip
PATCHED = dict(
    num_input_channels=3, context_length=26, patch_length=6, patch_stride=4, prediction_length=AHEAD, d_model=32,
    num_hidden_layers=2, num_attention_heads=4, ffn_dim=48,
)  # fmt: skip
Config = Callable[[], Any]
KINDS: Mapping[str, Config] = {
    "patchtst": lambda: hf.PatchTSTForPrediction(hf.PatchTSTConfig(**PATCHED)),
    "patchtst with a class token": lambda: hf.PatchTSTForPrediction(hf.PatchTSTConfig(**PATCHED, use_cls_token=True)),
    "patchtst pretrained": lambda: hf.PatchTSTForPretraining(hf.PatchTSTConfig(**PATCHED)),
    "patchtst that expects": lambda: hf.PatchTSTForPrediction(
        hf.PatchTSTConfig(**PATCHED, loss="nll", distribution_output="normal")
    ),
    "transformer": lambda: hf.TimeSeriesTransformerForPrediction(hf.TimeSeriesTransformerConfig(**LAGGED)),
    "transformer of two": lambda: hf.TimeSeriesTransformerForPrediction(
        hf.TimeSeriesTransformerConfig(**LAGGED, input_size=2)
    ),
    "transformer of groups": lambda: hf.TimeSeriesTransformerForPrediction(
        hf.TimeSeriesTransformerConfig(
            **LAGGED, num_static_categorical_features=1, cardinality=[5], embedding_dimension=[2], scaling="std"
        )
    ),
    "transformer alone": lambda: hf.TimeSeriesTransformerModel(hf.TimeSeriesTransformerConfig(**LAGGED)),
    "informer": lambda: hf.InformerForPrediction(hf.InformerConfig(**LAGGED, sampling_factor=1)),
    "informer in full": lambda: hf.InformerForPrediction(
        hf.InformerConfig(**LAGGED, attention_type="full", distil=False)
    ),
}
CHANNELS = {kind: 3 if kind.startswith("patchtst") else 2 if kind == "transformer of two" else 1 for kind in KINDS}


def network(kind: str) -> Any:
    """The network of a kind, its weights wide enough to move attention."""
    torch.manual_seed(0)
    made = KINDS[kind]().float().eval()
    for name, one in made.named_parameters():
        if one.ndim > 1 and one.requires_grad and "embed_positions" not in name and "parameter_projection" not in name:
            one.data.add_(0.2 * torch.randn_like(one))
    return made


def saved(folder: Path, kind: str, made: Any = None) -> Path:
    """A kind as a folder as it lies on the disk."""
    (network(kind) if made is None else made).save_pretrained(folder)
    return folder


def opened(folder: Path) -> av.ForecastModel:
    """The model of a folder."""
    model = av.load(folder)
    assert isinstance(model, av.ForecastModel)
    return model


def table(kind: str, rows: int = 40) -> NDArray[np.float64]:
    """The same random values on every call, a daily wave among them."""
    made = np.random.default_rng(0).normal(5.0, 1.0, (rows, CHANNELS[kind]))
    return made + 2 * np.sin(np.arange(rows) / 24 * 2 * np.pi)[:, None]


def calendar(rows: int = 40) -> NDArray[np.float64]:
    """Two numbers beside each step, up to the last that is forecast."""
    return np.random.default_rng(1).normal(0.0, 1.0, (rows + AHEAD, 2))
