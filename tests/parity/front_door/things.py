"""Types that listen to a sound or read values over time, at the same door: what is read is compared with their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from attnviz import ForecastModel, HearingModel, Sound, Trace, record
from attnviz.adapter.hearing.reading import inputs
from tests.parity.architectures.compare import worst

SOUND = Sound(np.random.default_rng(0).normal(0, 0.1, 4_000).astype(np.float32), 16_000)
RETURNED = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}
Gaps = tuple[float, float]


def given(model: Any) -> Any:
    """What is put to a model: a sound, or a table of as many rows and columns as it reads."""
    if isinstance(model, HearingModel):
        return SOUND
    return np.random.default_rng(0).normal(5.0, 1.0, (model.rows, model.channels))


def recorded(model: HearingModel | ForecastModel) -> Trace:
    """The trace of it."""
    return record(model, given(model))


def gaps(model: HearingModel | ForecastModel, trace: Trace, folder: Path) -> Gaps:
    """How far weights and last states are from what the same class makes of it with its own attention."""
    made: Any = model.network
    eager = type(made).from_pretrained(folder, config=made.config, attn_implementation="eager").eval()
    told = _told(model, trace)
    with torch.inference_mode():
        plain = eager(**told, output_attentions=True, output_hidden_states=True)
    if isinstance(model, ForecastModel) and model.channels > 1:
        return _by_channel(trace, plain)
    weights = [
        _worst(trace.map(part).weights(layer), theirs[0], made.config.model_type)
        for part in trace.parts
        for layer, theirs in enumerate(plain[RETURNED.get(part, "attentions")])
    ]
    return max(weights), worst(trace.outputs, _last(plain))


def _told(model: HearingModel | ForecastModel, trace: Trace) -> dict[str, Any]:
    """What the network itself is given."""
    if isinstance(model, ForecastModel):
        read = dict(model.past(given(model)).inputs)
        return read if model.channels > 1 else {**read, "future_values": torch.zeros(1, model.ahead)}
    told = inputs(model.network, model.hear(SOUND))
    return told | ({"decoder_input_ids": torch.tensor([trace.encoded.ids])} if model.writes else {})


def _by_channel(trace: Trace, plain: Any) -> Gaps:
    """Of channels that are on the batch axis, each with its own map."""
    found = [
        worst(trace.map(part).weights(layer), theirs[number])
        for number, part in enumerate(trace.parts)
        for layer, theirs in enumerate(plain.attentions)
    ]
    states = [worst(trace.map(part).outputs, plain[0][0, n]) for n, part in enumerate(trace.parts)]
    return max(found), max(states)


def _worst(mine: torch.Tensor, theirs: torch.Tensor, model_type: str) -> float:
    """The gap; torch's function that WavLM calls returns the mean of its heads."""
    return worst(mine.mean(0, keepdim=True).expand_as(theirs) if model_type == "wavlm" else mine, theirs)


def _last(plain: Any) -> torch.Tensor:
    """The last states of what asks."""
    both = plain.get("decoder_hidden_states")
    found: torch.Tensor = plain["last_hidden_state"][0] if both is None else both[-1][0]
    return found
