"""Open a folder of a model that reads values over time, and let one that writes its forecast step by step write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from attnviz.adapter.classes import Choice, named_class
from attnviz.adapter.machine import Machine, brought, home, placed
from attnviz.adapter.opening import EAGER, LOCAL, adapter_of, network_of, notices_of, own_config
from attnviz.adapter.series.kinds import LAGGED, PATCHED
from attnviz.adapter.series.probsparse import attending
from attnviz.errors import ModelError
from attnviz.notices import Notice

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEADED = "ForPrediction"  # what the classes that forecast end with


@dataclass(frozen=True)
class Opened:
    """What transformers made of a folder; `foresees` says whether a trained head forecasts."""

    network: PreTrainedModel
    foresees: bool
    notices: tuple[Notice, ...] = ()


def opened(name: str, folder: Path, machine: Machine) -> Opened:
    """The network of a folder. Raises `ModelError`."""
    import transformers

    config = own_config(name, folder, machine)
    if config.model_type in PATCHED:
        if config.channel_attention:
            raise ModelError("series_across", model=name)
        config.do_mask_input = False  # patches are hidden in training alone
    named, body = named_class(config), Choice("plain", transformers.AutoModel)
    headed = named is not None and named.__name__.endswith(HEADED)
    known = (Choice("forecast", named), body) if named is not None and headed else (body,)
    read = network_of(name, config, folder, LOCAL, known)
    said = (*notices_of(name, folder, config), *read.notices, *adapter_of(name, folder, read.network))
    machine.put(name, read.network)
    attending(read.network)
    if read.network.config._attn_implementation == EAGER:
        raise ModelError("model_no_attention", model=name)
    return Opened(read.network.eval(), read.choice.kind == "forecast", said)


def expected(network: Any, result: Any) -> tuple[Tensor, Tensor | None]:
    """What a head expects of each step to come, `[1, step, ...]`, and its deviation; None where it says no more than a
    number.
    """
    with torch.inference_mode():
        if network.config.model_type in LAGGED:
            given = {name: result[name] for name in ("last_hidden_state", "loc", "scale")}
            near = placed(network, given)
            params = network.output_params(near["last_hidden_state"])
            found = network.output_distribution(params, loc=near["loc"], scale=near["scale"])
        elif network.distribution_output is None:
            return result["prediction_outputs"].float(), None
        else:
            outputs = result["prediction_outputs"]
            found = network.distribution_output.distribution(outputs, loc=result["loc"], scale=result["scale"])
        return home(found.mean).float(), home(found.stddev).float()


def rolled(network: Any, inputs: dict[str, Any]) -> Tensor:
    """The forecast that a model writes step by step, each time the mean of what it expects: `[1, step, ...]`.

    transformers draws instead (`generate`), a hundred times. Each step is one run of the decoder over all so far; the
    encoder is run once.
    """
    config = network.config
    ahead, several = int(config.prediction_length), int(config.input_size) > 1
    future = torch.zeros(1, ahead, *([int(config.input_size)] if several else []))
    with torch.inference_mode():
        encoded = None
        for step in range(ahead):
            given = placed(network, {**inputs, "future_values": future})
            result = network.model(**given, encoder_outputs=encoded, use_cache=False)
            encoded = (result.encoder_last_hidden_state,)
            future[:, step] = expected(network, brought(result))[0][:, step]
    return future
