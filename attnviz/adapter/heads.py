"""Trained heads: what one is given, what it said, which is not used."""

from __future__ import annotations

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
