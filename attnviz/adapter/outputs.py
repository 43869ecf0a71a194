"""What networks are given and give back, by transformers' names: inputs, outputs, last states, returned weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.classes import head_of
from attnviz.core.attention import Attention, Observed
from attnviz.trace import Gap

Layers = tuple[Attention | Gap, ...]
# Where eager models return weights, by name; never by position.
RETURNED = {
    "encoder_attentions": "encoder", "decoder_attentions": "decoder", "cross_attentions": "cross", "attentions": "self",
}  # fmt: skip
# Rounding in rows of weights, and in those of half precision, each of which misses by up to 1/512 of itself; what is no
# row of weights misses 1 by far more.
SLACK, ROUGH = 1e-3, 1e-2
WANTED = (
    "logits",
    "hidden_states",
    "decoder_hidden_states",
    "encoder_hidden_states",
    "encoder_last_hidden_state",
    "decoder_last_hidden_state",
)


class Result(dict[str, Any]):
    """What a model would have returned, read by name as transformers' outputs are."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def inputs(network: Any, text: Sequence[int], types: Sequence[int], reply: Sequence[int] | None) -> dict[str, Tensor]:
    """A text with its token types, and what the decoder reads where there is one, by the names of the arguments."""
    found = {"input_ids": torch.tensor([text])}
    if types and takes_types(network, types):
        found["token_type_ids"] = torch.tensor([types])
    if head_of(type(network).__name__) == "choice":  # [batch, choice, token]
        found = {name: one[None] for name, one in found.items()}
    return found if reply is None else found | {"decoder_input_ids": torch.tensor([reply])}


def takes_types(network: Any, types: Sequence[int]) -> bool:
    """Does the network tell tokens of these types apart? It may know one type alone, as RoBERTa does, or none."""
    known = getattr(network.config, "type_vocab_size", None)
    return (not known or max(types) < known) and "token_type_ids" in signature(network.forward).parameters


def filled(
    texts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]], filler: int, types: Sequence[Sequence[int]] = ()
) -> dict[str, Tensor]:
    """Texts one under the other, filled up on the right, and where that was done; token types and replies likewise,
    where there are any.
    """
    found = _filled(texts, filler, "input_ids", "attention_mask")
    if types:
        found["token_type_ids"] = _filled(types, 0, "types", "mask")["types"]
    return found | (_filled(replies, filler, "decoder_input_ids", "decoder_attention_mask") if replies else {})


def _filled(rows: Sequence[Sequence[int]], filler: int, name: str, mask: str) -> dict[str, Tensor]:
    """Ids `[text, token]`, and a mask, 0 where they were filled up; no mask where none was."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])
    if all(len(row) == longest for row in rows):
        return {name: ids}
    return {name: ids, mask: torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])}


def may_skip(network: Any) -> bool:
    """Can the network be asked to predict after its last token alone, and compute its attention for all?

    Gemma 4 then leaves the others out of the layers that share keys.
    """
    shares = getattr(network.config.get_text_config(), "num_kv_shared_layers", 0)
    return not shares and "logits_to_keep" in signature(network.forward).parameters


def hears_last(network: Any) -> bool:
    """Does the network tell of its last states (`interface.listen`)? T5 does not."""
    return not (network.config.is_encoder_decoder and network.base_model is network)


def put_encoders(result: Any, heard: Mapping[str, Tensor]) -> None:
    """Put the encoder's last states where they belong; the head of T5Gemma hands out the decoder's alone."""
    name = "encoder_last_hidden_state"
    if name in heard and name not in result:
        result[name] = heard[name]
        result["decoder_hidden_states"] = result.get("hidden_states")


def put_last(result: Any, heard: Mapping[str, Tensor]) -> bool:
    """Put the last hidden states where `last_states` looks for those of all layers; False where they are not known."""
    last = heard.get("last_hidden_state", result.get("last_hidden_state"))
    if last is None:
        return False
    both = "encoder_last_hidden_state" in result
    result["decoder_hidden_states" if both else "hidden_states"] = (last,)
    return True


def last_states(result: Any, side: str = "") -> Tensor:
    """The last hidden states, `[token, width]`; those of one side ("encoder", "decoder") of an encoder-decoder."""
    states = result.get(f"{side}_hidden_states" if side else "hidden_states")
    last = result[f"{side}_last_hidden_state"] if states is None else states[-1]
    return _of_tokens(last)[0]


def _of_tokens(states: Tensor | Sequence[Tensor]) -> Tensor:
    """States `[text, token, width]`; PEGASUS-X has a layer's of its tokens and, beside them, of its global ones."""
    return states if isinstance(states, Tensor) else states[0]


def of_each_side(result: Mapping[str, Any]) -> list[Tensor]:
    """The last of all hidden states that a run returned, of each side that it has."""
    states = [result.get(field) for field in ("hidden_states", "encoder_hidden_states", "decoder_hidden_states")]
    return [_of_tokens(one[-1]) for one in states if one]


def scores_after(result: Mapping[str, Any]) -> Tensor | None:
    """The logits after the last token of each text; None where there are none."""
    logits = result.get("logits")
    return logits[..., -1, :] if isinstance(logits, Tensor) else None


def needed(result: Mapping[str, Any]) -> dict[str, Tensor]:
    """What a trace is made of, by name: logits and, of hidden states, the last alone."""
    found = {name: result.get(name) for name in WANTED}
    return {
        name: _of_tokens(one[-1]) if isinstance(one, tuple) else one for name, one in found.items() if one is not None
    }


def as_result(found: Mapping[str, Tensor]) -> Result:
    """What `needed` gave, as a model would have returned it."""
    return Result({name: (one,) if name.endswith("hidden_states") else one for name, one in found.items()})


def of_encoder(name: str) -> bool:
    """Is the output of that name one of the encoder's, with a row for each token of the text?"""
    return name.startswith("encoder")


def other_shape(result: Mapping[str, Any]) -> bool:
    """Did a model return weights that are not by token?"""
    return not all(_by_token(result.get(field), square=part != "cross") for field, part in RETURNED.items())


def returned(result: Mapping[str, Any], *, rough: bool = False) -> dict[str, Layers]:
    """The weights that a model returned by itself, by the names of its output; those of a tower by the tower's.

    What is returned under these names is not always weights: RWKV returns its outputs, Reformer its chunks, ProphetNet
    and SqueezeBERT their scores. So only rows that sum to at most 1 are believed, and a part is left out unless all its
    layers have them. Those of half precision are `rough`.
    """
    found: dict[str, Layers] = {}
    for field, part in RETURNED.items():
        weights = [layer for layer in result.get(field) or () if layer is not None]
        slack = ROUGH if rough else SLACK
        by_token = bool(weights) and _by_token(weights, square=part != "cross")
        if by_token and all(_sums_to_one(one, slack) for one in weights):
            found[part] = tuple(Gap("other", "?") if w is None else Observed.of(w[0]) for w in result[field])
    for field, output in result.items():
        if isinstance(output, Mapping):
            found |= {field.removesuffix("_output"): layers for layers in returned(output, rough=rough).values()}
    return found


def _by_token(weights: Sequence[Tensor | None] | None, *, square: bool = False) -> bool:
    """Are these `[1, head, query, key]`, all over the same queries and keys?"""
    found = [layer for layer in weights or () if layer is not None]
    sizes = {tuple(layer.shape[-2:]) for layer in found}
    return (
        all(layer.ndim == 4 and len(layer) == 1 for layer in found)
        and len(sizes) <= 1
        and not (square and any(queries != keys for queries, keys in sizes))
    )


def _sums_to_one(weights: Tensor, slack: float) -> bool:
    """Is each row one of weights? Less than 1 where a sink took the rest, or a query may look at nothing."""
    return bool((weights >= 0).all() and (weights.sum(-1) < 1 + slack).all())
