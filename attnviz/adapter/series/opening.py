"""Open a folder of a model that reads values over time, and let one that writes its forecast step by step write it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from attnviz.adapter.classes import Choice, named_class
from attnviz.adapter.machine import Machine, brought, home, placed
from attnviz.adapter.opening import EAGER, LOCAL, adapter_of, network_of, notices_of, own_config
from attnviz.adapter.registered import Follow, recording
from attnviz.adapter.series.kinds import LAGGED, PATCHED
from attnviz.adapter.series.probsparse import attending
from attnviz.core.interventions import Intervention
from attnviz.errors import ModelError
from attnviz.notices import Notice

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEADED = "ForPrediction"  # what the classes that forecast end with
QUANTILES = (0.1, 0.9)  # of the draws: the ends of an interval
DRAWS, MOST_DRAWN = 400, 40_000_000  # draws of each step; numbers drawn in all


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


@dataclass(frozen=True)
class Expected:
    """What a head expects of each step to come, `[1, step, ...]`: the mean; where it gives a distribution also its
    deviation and the ends of an interval, the quantiles 0.1 and 0.9 of `draws_of` draws.
    """

    mean: Tensor
    deviation: Tensor | None = None
    ends: tuple[Tensor, Tensor] | None = None


def distributed(network: Any) -> bool:
    """Does its head give a distribution of each step, and not one number?"""
    return network.config.model_type in LAGGED or getattr(network, "distribution_output", None) is not None


def draws_of(numbers: int) -> int:
    """How many draws the interval of so many steps and channels is of.

    >>> draws_of(24), draws_of(500_000)
    (400, 80)
    """
    return max(2, min(DRAWS, MOST_DRAWN // max(1, numbers)))


def expected(network: Any, result: Any, *, ends: bool = False) -> Expected:
    """What a head expects of each step to come; with the `ends` of an interval where one is asked for and known."""
    with torch.inference_mode():
        found = _distribution(network, result)
        if found is None:
            return Expected(result["prediction_outputs"].float())
        mean, deviation = home(found.mean).float(), home(found.stddev).float()
        return Expected(mean, deviation, _ends(found, mean.numel()) if ends else None)


def means(network: Any, result: Any) -> Tensor:
    """The means alone, through which gradients flow where they are asked for: `[series, step, ...]`."""
    found = _distribution(network, result)
    return (result["prediction_outputs"] if found is None else home(found.mean)).float()


def _distribution(network: Any, result: Any) -> Any:
    """The distribution of each step to come, None where a head says one number."""
    if not distributed(network):
        return None
    if network.config.model_type in LAGGED:
        given = {name: result[name] for name in ("last_hidden_state", "loc", "scale")}
        near = placed(network, given)
        params = network.output_params(near["last_hidden_state"])
        return network.output_distribution(params, loc=near["loc"], scale=near["scale"])
    outputs = result["prediction_outputs"]
    return network.distribution_output.distribution(outputs, loc=result["loc"], scale=result["scale"])


def _ends(found: Any, numbers: int) -> tuple[Tensor, Tensor]:
    """The quantiles of draws: the same for the same distribution, torch's own chance left as it was.

    Student's t and the negative binomial have no quantile function in torch.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = home(found.sample((draws_of(numbers),))).float().sort(0).values
    low, high = (drawn[round(share * (len(drawn) - 1))] for share in QUANTILES)
    return low, high


def rolled(
    network: Any, inputs: dict[str, Any], changes: Sequence[Intervention] = (), follow: Follow | None = None
) -> Tensor:  # fmt: skip
    """The forecast that a model writes step by step, each time the mean of what it expects: `[series, step, ...]`.

    transformers draws instead (`generate`), a hundred times. Each step is one run of the decoder over all so far; the
    encoder is run once. `changes` act in every one of these runs, and `follow` follows each.
    """
    config = network.config
    ahead, several = int(config.prediction_length), int(config.input_size) > 1
    future = torch.zeros(len(inputs["past_values"]), ahead, *([int(config.input_size)] if several else []))
    encoded, watched = None, bool(changes) or follow is not None
    for step in range(ahead):
        given = placed(network, {**inputs, "future_values": future})
        heard = recording(network.base_model, changes, values=False, follow=follow) if watched else nullcontext()
        with heard, follow or torch.inference_mode():
            result = network.model(**given, encoder_outputs=encoded, use_cache=False)
        encoded = (result.encoder_last_hidden_state,)
        with torch.inference_mode(follow is None):
            future[:, step] = means(network, brought(result))[:, step]
    return future
