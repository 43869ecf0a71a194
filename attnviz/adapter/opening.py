"""Open a folder with transformers' own classes: which one reads it, what it predicts, how long a text may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch

from attnviz.adapter.heads import KINDS, HeadKind, head_of, unused_heads
from attnviz.adapter.registered import ATTENTION, EAGER_TYPES, listen
from attnviz.errors import ModelError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

EAGER = "eager"  # transformers' own attention, which returns its weights
UNBOUNDED = 1_000_000  # tokenizers without a limit carry a number above this
# Model types whose positions start after the padding id, so that the first few are never used.
PADDED_POSITIONS = {
    "camembert", "data2vec-text", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta",
    "xlm-roberta-xl", "xmod",
}  # fmt: skip
# Weights that a checkpoint may lack: they are computed, or nothing that is shown comes from them.
NEEDLESS = re.compile(r"(^|\.)(pooler\.|position_ids$|rotary_emb|inv_freq$|masked_bias$|attn\.bias$)")
POOLER = re.compile(r"(^|\.)pooler\.")  # what a head that speaks of a whole text may read, and nothing else
Kind = Literal["masked", "causal", "seq2seq", "plain"] | HeadKind


@dataclass(frozen=True)
class Opened:
    """What transformers made of a folder; the fields mean what they mean in `attnviz.models.Model`."""

    kind: Kind
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    limit: int | None
    eager: bool
    unused_heads: tuple[str, ...] = ()


def opened(name: str, folder: Path, gguf: str | None) -> Opened:
    """The network and tokenizer of a folder, or of one GGUF file in it."""
    from transformers import AutoConfig, AutoTokenizer

    common = {"local_files_only": True, "trust_remote_code": False} | ({"gguf_file": gguf} if gguf else {})
    config = AutoConfig.from_pretrained(folder, **common)
    if config.model_type == "big_bird":  # what transformers turns to by itself for texts of up to `_limit` tokens
        config.attention_type = "original_full"
    tokenizer = AutoTokenizer.from_pretrained(folder, **common)
    if not set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids):
        raise ModelError("no_tokenizer", model=name)  # transformers makes up an empty one
    kind, network, unused = _network(name, config, folder, common)
    eager = network.config._attn_implementation == EAGER
    return Opened(kind, network, tokenizer, _limit(config, tokenizer), eager, unused)


def _network(
    name: str, config: PretrainedConfig, folder: Path, common: dict[str, Any]
) -> tuple[Kind, PreTrainedModel, tuple[str, ...]]:
    """The network with its attention going through `attend`, or returning its weights where that cannot be had; and
    the heads that the file has and the network has not.

    A head is left out where the file has no weights for it: transformers would make them up.
    """
    from transformers import AutoModel

    kind, maker = _kind(config, gguf="gguf_file" in common)
    network, lacking, unused = _read(name, maker, config, folder, common)
    missing = _needed(lacking)
    headless = bool(missing) or (kind == "sequence" and any(map(POOLER.search, lacking)))
    if headless and kind in ("masked", "causal", *KINDS) and not any(_in_body(network, key) for key in missing):
        kind, (network, lacking, unused) = "plain", _read(name, AutoModel, config, folder, common)
        missing = _needed(lacking)
    if missing:
        raise ModelError("weights_missing", model=name, count=len(missing), first=missing[0])
    listen(network)
    return kind, network.eval(), unused


def _read(
    name: str, maker: type[Any], config: PretrainedConfig, folder: Path, common: dict[str, Any]
) -> tuple[PreTrainedModel, list[str], tuple[str, ...]]:
    """A network read by one of transformers' classes, the weights that its file lacks, the heads that it alone has."""
    network, found = maker.from_pretrained(
        folder, config=config, attn_implementation=EAGER if _is_eager(maker, config) else ATTENTION,
        dtype=torch.float32, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **common,
    )  # fmt: skip
    shapes = sorted(found["mismatched_keys"])
    if shapes:
        key, stored, asked = shapes[0]
        raise ModelError(
            "weights_shape", model=name, count=len(shapes), first=key, stored=tuple(stored), asked=tuple(asked)
        )  # fmt: skip
    return (
        cast("PreTrainedModel", network),
        sorted(found["missing_keys"]),
        unused_heads(network, found["unexpected_keys"]),
    )


def _needed(keys: Iterable[str]) -> list[str]:
    """Those of the weights without which a picture would be of random numbers."""
    return [key for key in keys if not NEEDLESS.search(key)]


def _in_body(network: PreTrainedModel, key: str) -> bool:
    """Does a weight belong to the layers, and not to the head that predicts tokens?"""
    return key.startswith(f"{network.base_model_prefix}.") or network.base_model is network


def _is_eager(maker: type[Any], config: PretrainedConfig) -> bool:
    """Does the class that will be loaded keep its attention to itself?"""
    if config.model_type in EAGER_TYPES:
        return True
    found = maker._model_mapping[type(config)]
    classes = found if isinstance(found, (tuple, list)) else (found,)
    return not all(one._can_set_attn_implementation() for one in classes)


def _kind(config: PretrainedConfig, gguf: bool = False) -> tuple[Kind, type[Any]]:
    """What does the model predict, and which class loads it? By the architecture that its config names.

    A GGUF file names none: it holds a decoder.
    """
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    architecture = (config.architectures or [""])[0]
    if (head := head_of(config)) is not None:
        return head
    if config.is_encoder_decoder and not architecture.startswith(("T5Encoder", "MT5Encoder", "UMT5Encoder")):
        return "seq2seq", AutoModelForSeq2SeqLM
    if architecture == "ElectraForPreTraining":  # it tells true tokens from false ones; it fills no blanks
        return "plain", AutoModel
    if architecture.endswith(("ForMaskedLM", "ForPreTraining")):
        return "masked", AutoModelForMaskedLM
    if architecture.endswith(("ForCausalLM", "LMHeadModel")) or (gguf and not architecture):
        return "causal", AutoModelForCausalLM
    return "plain", AutoModel


def _limit(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The longest text in tokens: the smaller of what the positions and the tokenizer allow."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions and config.model_type in PADDED_POSITIONS:
        positions -= (config.pad_token_id or 0) + 1
    if config.model_type == "big_bird":  # longer texts are read in blocks, whose weights are not returned by token
        positions = min(positions, (5 + 2 * config.num_random_blocks) * config.block_size)
    known = [n for n in (positions, tokenizer.model_max_length) if n and 0 < n < UNBOUNDED]
    return min(known) if known else None
