"""Heads: what a trained one is given and said, which is not used; what one says of states that are no last ones."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from itertools import takewhile
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from attnviz.adapter.classes import HEAD_KINDS, head_of
from attnviz.answers import Answer, Problem
from attnviz.axes import Axis

if TYPE_CHECKING:
    from transformers import PretrainedConfig

PROBLEMS: Mapping[str | None, Problem] = {"regression": "number", "multi_label_classification": "several"}
# DataParallel and DDP, torch.compile, Lightning, Accelerate's and other tools that keep a network inside a network.
WRAPPED = re.compile(r"((base_model\.model|module|_orig_mod|_fsdp_wrapped_module|model|network|net)\.)+")
ENDS = ("start", "end")  # what the two scores of a question are


def unused_heads(network: Any, keys: Iterable[str]) -> tuple[str, ...]:
    """The heads among weights that a network has no place for: each by the part of their names that they share."""
    body = {network.base_model_prefix, *(name for name, _ in network.base_model.named_children())}
    parts: dict[str, list[list[str]]] = {}
    for key in keys:
        path = key.split(".")[:-1] or [key]
        if path[0] not in body:
            parts.setdefault(path[0], []).append(path)
    return tuple(".".join(_shared(paths)) for _, paths in sorted(parts.items()))


def wrapped(keys: Iterable[str]) -> str:
    """What a training tool has put before the name of every weight, as `module.`; "" where there is no such thing."""
    found = [match[0].split(".") if (match := WRAPPED.match(key)) else [] for key in keys]
    shared = _shared(found) if found else []
    return "".join(f"{name}." for name in shared if name)


def _shared(paths: Sequence[Sequence[str]]) -> list[str]:
    """What all paths begin with."""
    return [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))]


def takes(network: Any, name: str) -> bool:
    """Has the network's forward pass an argument of that name?"""
    return name in signature(network.forward).parameters


def without_cache(network: Any) -> dict[str, bool]:
    """How a network is told to keep no cache: not at all where its head tells the body so by itself (T5Gemma)."""
    headed = head_of(type(network).__name__) is not None
    return {} if headed and not takes(network, "use_cache") else {"use_cache": False}


def decoder_ids(network: Any, ids: tuple[int, ...]) -> tuple[int, ...] | None:
    """What does the decoder of a head read where it is given a text alone? The text, one place on, as the class has it.

    None for a network that has no decoder.
    """
    if not takes(network, "decoder_input_ids") or not getattr(network.config, "is_encoder_decoder", False):
        return None
    text, config = torch.tensor([ids]), network.config
    shift = getattr(sys.modules[type(network).__module__], "shift_tokens_right", None)
    if shift is None:
        moved = network._shift_right(text)
    else:
        given = (text, config.pad_token_id, config.decoder_start_token_id)
        moved = shift(*given[: len(signature(shift).parameters)])
    return tuple(cast("list[int]", moved[0].tolist()))


def answer_of(kind: str, config: PretrainedConfig, result: Mapping[str, Any], read: Axis) -> Answer | None:
    """What did a head say in this run? None for a model without one."""
    if kind not in HEAD_KINDS:
        return None
    if kind == "question":
        ends = torch.stack([result["start_logits"][0], result["end_logits"][0]], -1)
        return Answer("question", ends, ENDS, read)
    scores: Tensor = result["logits"]
    if kind == "choice":
        return Answer("sequence", scores[:1], ("logit",), read, "number")
    scores = scores[:1] if kind == "sequence" else scores[0]
    count = scores.shape[-1]
    named = getattr(config, "id2label", None) or {}
    labels = tuple(str(named.get(number, f"LABEL_{number}")) for number in range(count))
    problem: Problem = "number" if count == 1 else PROBLEMS.get(config.problem_type, "one")
    return Answer("sequence" if kind == "sequence" else "token", scores, labels, read, problem)


def final_norm(network: Any) -> torch.nn.Module:
    """The norm between a network's last layer and its head; what changes nothing, where there is none.

    It is found as transformers arranges networks: a norm of the body (of the decoder, where there are two) that is in
    no numbered layer and belongs to no embedding.
    """
    config = network.config
    body = network.get_decoder() if getattr(config, "is_encoder_decoder", False) else network.base_model
    found = [
        module
        for name, module in body.named_modules()
        if "norm" in type(module).__name__.lower() and not re.search(r"\d|emb", name)
    ]
    return found[-1] if found else torch.nn.Identity()


def said_of(network: Any, states: Tensor, inputs: Mapping[str, Any]) -> Tensor:
    """What a network's head says of other last states `[text, token, width]`, its body left out: its logits.

    A copy of the network, its weights the same, has a body that knows these states alone.
    """
    from transformers.modeling_outputs import BaseModelOutput

    alone, more = copy.copy(network), {}
    body = network.base_model_prefix
    if network.base_model is network:  # T5: encoder and decoder stand in the network itself
        body, more = "decoder", {"encoder_outputs": BaseModelOutput(last_hidden_state=states)}
    alone._modules = {**network._modules, body: _Body(states, network._modules[body])}
    logits: Tensor = alone(**inputs, **more, **without_cache(network)).logits
    return logits


class _Body(torch.nn.Module):
    """Says that the last states are these, whatever it is given."""

    def __init__(self, states: Tensor, stands_for: torch.nn.Module) -> None:
        super().__init__()
        self.states = states
        self.__dict__["_stands_for"] = stands_for  # no module of this one

    def forward(self, *args: object, **given: object) -> Any:
        from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

        class Heard(BaseModelOutputWithPastAndCrossAttentions):
            def __getattr__(self, name: str) -> None:
                """What else a head may ask for is not there."""
                if name.startswith("__"):
                    raise AttributeError(name)

        return Heard(last_hidden_state=self.states)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            found = getattr(self.__dict__["_stands_for"], name)
        # OPT's head asks the decoder inside the body.
        return _Body(self.states, found) if isinstance(found, torch.nn.Module) else found
