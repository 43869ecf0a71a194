"""Trained heads by transformers' names: which class opens one, what it is given, what it said, which is not used."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor

from attnviz.answers import Answer, Problem
from attnviz.axes import Axis

if TYPE_CHECKING:
    from transformers import PretrainedConfig

HeadKind = Literal["sequence", "token", "question"]
# How the architecture of a head ends, what it speaks of, and the class that opens one.
HEADS: Mapping[str, tuple[HeadKind, str]] = {
    "ForSequenceClassification": ("sequence", "AutoModelForSequenceClassification"),
    "ForTokenClassification": ("token", "AutoModelForTokenClassification"),
    "ForQuestionAnswering": ("question", "AutoModelForQuestionAnswering"),
    "ForQuestionAnsweringSimple": ("question", "AutoModelForQuestionAnswering"),
    "ForNextSentencePrediction": ("sequence", "AutoModelForNextSentencePrediction"),
}
KINDS: frozenset[str] = frozenset(kind for kind, _ in HEADS.values())
PROBLEMS: Mapping[str | None, Problem] = {"regression": "number", "multi_label_classification": "several"}
ENDS = ("start", "end")  # what the two scores of a question are


def head_of(config: PretrainedConfig) -> tuple[HeadKind, type[Any]] | None:
    """What does the head of a model speak of, and which of transformers' classes opens it? None for no such head."""
    import transformers

    architecture = (config.architectures or [""])[0]
    kind, name = next((found for end, found in HEADS.items() if architecture.endswith(end)), (None, ""))
    if kind is None:
        return None
    maker = getattr(transformers, name)
    known = maker._model_mapping.get(type(config), None)
    names = [one.__name__ for one in (known if isinstance(known, (tuple, list)) else (known,)) if one is not None]
    return (kind, maker) if architecture in names else None


def unused_heads(network: Any, keys: Iterable[str]) -> tuple[str, ...]:
    """The heads among weights that a network has no place for: each by the part of their names that they share."""
    body = {network.base_model_prefix, *(name for name, _ in network.base_model.named_children())}
    parts: dict[str, list[list[str]]] = {}
    for key in keys:
        path = key.split(".")[:-1] or [key]
        if path[0] not in body:
            parts.setdefault(path[0], []).append(path)
    return tuple(".".join(_shared(paths)) for _, paths in sorted(parts.items()))


def _shared(paths: Sequence[Sequence[str]]) -> list[str]:
    """What all paths begin with."""
    return [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))]


def takes(network: Any, name: str) -> bool:
    """Has the network's forward pass an argument of that name?"""
    return name in signature(network.forward).parameters


def without_cache(network: Any) -> dict[str, bool]:
    """How a network is told to keep no cache: not at all where its head tells the body so by itself (T5Gemma)."""
    headed = type(network).__name__.endswith(tuple(HEADS))
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
    if kind not in KINDS:
        return None
    if kind == "question":
        ends = torch.stack([result["start_logits"][0], result["end_logits"][0]], -1)
        return Answer("question", ends, ENDS, read)
    scores: Tensor = result["logits"]
    scores = scores[:1] if kind == "sequence" else scores[0]
    count = scores.shape[-1]
    named = getattr(config, "id2label", None) or {}
    labels = tuple(str(named.get(number, f"LABEL_{number}")) for number in range(count))
    problem: Problem = "number" if count == 1 else PROBLEMS.get(config.problem_type, "one")
    return Answer("sequence" if kind == "sequence" else "token", scores, labels, read, problem)
