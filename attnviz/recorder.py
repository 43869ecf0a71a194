"""Run a model once and record its attention. The only file that knows how transformers calls attention.

A function registered under the name `attnviz` takes the place of a model's attention (`AttentionInterface`) and sends
it through `attend`. What a run records and which rule it computes with lives in one context variable, so one loaded
model serves many people at once: nothing on the model is ever changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from attnviz.attention import Attention, attend
from attnviz.errors import ModelError, TextError
from attnviz.models.load import Model
from attnviz.rules import Rule, Soft
from attnviz.tokens import Encoded, encode, piece_label
from attnviz.trace import Trace

ATTENTION = "attnviz"


@dataclass
class _Run:
    """One person's run: the rule it computes with and the layers seen so far."""

    rule: Rule
    layers: list[Attention] = field(default_factory=list)


_RUN: ContextVar[_Run | None] = ContextVar("attnviz_run", default=None)


def register() -> None:
    """Make the implementation name `attnviz` known to transformers. Calling it again changes nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(ATTENTION, _attention)
    AttentionMaskInterface.register(ATTENTION, _mask)


def record(model: Model, text: str, *, rule: Rule | None = None, blank: int | None = None) -> Trace:
    """What does every head of `model` do with `text`?

    `rule` acts in every layer while the model computes, so later layers and the prediction follow it (soft unless
    given). `blank` puts [MASK] on that token and asks the model to fill it. A text that is too long is read as far as
    the model reaches (`Trace.encoded.cut`).

    Raises `TextError` for a text that cannot be read, `ModelError` for a model whose attention cannot.

    >>> import attnviz as av
    >>> av.record(av.load("lab-4"), "南京市长江大桥").tokens[:4]
    ['[CLS]', '南', '京', '市']
    """
    encoded = encode(text, model.tokenizer, model.limit)
    if blank is not None:
        encoded = _blanked(encoded, blank, model)
    chosen = Soft() if rule is None else rule
    with _recording(chosen) as run, torch.inference_mode():
        result = model.network(input_ids=torch.tensor([encoded.ids]), output_hidden_states=True, use_cache=False)
    if not run.layers:
        raise ModelError("model_no_attention", model=model.name)
    outputs = result.hidden_states[-1][0]
    logits = result.logits[0] if model.kind != "plain" else None
    return Trace(
        model=model.name,
        kind=model.kind,
        encoded=encoded,
        rule=chosen,
        layers=tuple(_one_text(layer) for layer in run.layers),
        outputs=outputs,
        logits=logits,
        boundaries=None if model.boundary is None else model.boundary.begins(outputs),
        blank=blank,
        name_piece=lambda number: piece_label(number, model.tokenizer),
    )


@contextmanager
def _recording(rule: Rule) -> Iterator[_Run]:
    """Let the attention of this context, and of no other, be recorded."""
    run = _Run(rule)
    token = _RUN.set(run)
    try:
        yield run
    finally:
        _RUN.reset(token)


def _blanked(encoded: Encoded, blank: int, model: Model) -> Encoded:
    """The same text with [MASK] in the place of one token."""
    if model.mask_id is None:
        raise ModelError("model_fills_no_blanks", model=model.name)
    if not 0 <= blank < len(encoded.ids):
        raise TextError("no_such_position", number=blank, last=len(encoded.ids) - 1)
    if encoded.special[blank]:
        raise TextError("blank_special", token=encoded.labels[blank])
    ids, labels = list(encoded.ids), list(encoded.labels)
    ids[blank], labels[blank] = model.mask_id, model.tokenizer.mask_token
    return replace(encoded, ids=tuple(ids), labels=tuple(labels))


def _one_text(call: Attention) -> Attention:
    """A recorded call without its batch axis and without anything computed from it."""

    def first(tensor: Tensor | None) -> Tensor | None:
        return tensor if tensor is None or tensor.ndim < 4 else tensor[0]

    return replace(
        call, queries=call.queries[0], keys=call.keys[0], values=call.values[0],
        allowed=first(call.allowed), bias=first(call.bias), sink=None if call.sink is None else call.sink[0],
    )  # fmt: skip


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """The function that transformers calls: query `[batch, head, query, d]`, key and value with their own heads.

    `s_aux` `[head]` are the scores of learned sinks.
    """
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    allowed, bias = _allowed_and_bias(attention_mask, position_bias)
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    if attention_mask is None and causal and query.shape[2] > 1:
        allowed = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
    run = _RUN.get()
    layer = len(run.layers) if run else 0
    rule = run.rule.at(layer) if run else Soft()
    sink = None if s_aux is None else s_aux.reshape(1, -1, 1)
    call = attend(
        query, key, value, rule=rule, allowed=allowed, bias=bias, scale=scaling, softcap=softcap, sink=sink
    )  # fmt: skip
    if run:
        run.layers.append(call)
    return call.output.transpose(1, 2).contiguous(), None


def _allowed_and_bias(mask: Tensor | None, bias: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Split what transformers hands over: a boolean mask, or a float mask whose very negative cells are not allowed."""
    if mask is None:
        return None, bias
    if mask.dtype == torch.bool:
        return mask, bias
    allowed = mask > torch.finfo(mask.dtype).min / 2
    rest = mask.masked_fill(~allowed, 0.0)
    if bias is not None:
        return allowed, bias + rest
    return allowed, rest if bool(rest.any()) else None


def _mask(*args: Any, **kwargs: Any) -> Tensor | None:
    """transformers' boolean mask, True = may look, always laid out where something is not allowed."""
    from transformers.masking_utils import sdpa_mask

    return sdpa_mask(*args, **{**kwargs, "allow_is_causal_skip": False})
