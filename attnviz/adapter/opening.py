"""Open a folder with transformers' own classes: which one reads it, what it predicts, how long a text may be."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from attnviz.adapter.checks import embedding_rows, read_config, type_of
from attnviz.adapter.classes import Choice, Kind, choices
from attnviz.adapter.heads import unused_heads, wrapped
from attnviz.adapter.machine import Machine
from attnviz.adapter.registered import ATTENTION, EAGER_TYPES, listen
from attnviz.adapter.stored.lora import adapter_beside
from attnviz.adapter.tokenizers import WHOLE, needs_package, read_said
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded
from attnviz.notices import Notice

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}  # how every folder is read
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
# How GPTQ, AWQ, bitsandbytes and compressed-tensors call what they store in place of a weight.
QUANTISED = re.compile(r"\.(qweight|qzeros|SCB|weight_packed|weight_format|absmax|quant_map)$|\.quant_state\.")
LAYER = re.compile(r"\.\d+\.")  # a weight of a numbered layer, whatever stands before it
# While transformers reads weights it takes `tie_weights` and others off its classes for the whole process, and two
# threads at once leave them off for good: heads that are tied are then taken as missing.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Opened:
    """What transformers made of a folder; the fields mean what they mean in `attnviz.models.Model`."""

    kind: Kind
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    limit: int | None
    eager: bool
    notices: tuple[Notice, ...] = ()


def opened(name: str, folder: Path, gguf: str | None, machine: Machine) -> Opened:
    """The network and tokenizer of a folder, or of one GGUF file in it, as it computes on a machine."""
    common = LOCAL | ({"gguf_file": gguf} if gguf else {})
    with guarded(lambda reason: _not_made(name, reason)):
        config = config_of(name, folder, common)
    config.dtype = machine.dtype
    if config.model_type == "big_bird":  # what transformers turns to by itself for texts of up to `_limit` tokens
        config.attention_type = "original_full"
    with guarded(lambda reason: ModelError("tokenizer_unreadable", model=name, reason=first_line(reason))):
        tokenizer = tokenizer_of(name, config, folder, common)
    read = network_of(name, config, folder, common)
    network = read.network
    notices = () if gguf else (*notices_of(name, folder, config), *read.notices, *adapter_of(name, folder, network))
    machine.put(name, network)
    eager = network.config._attn_implementation == EAGER
    kind, limit = read.choice.kind, _limit(config, tokenizer)
    return Opened(kind, network.eval(), tokenizer, limit, eager, (*notices, *_misfit(name, tokenizer, network)))


def own_config(name: str, folder: Path, machine: Machine) -> Any:
    """The configuration of a model that reads no text, as it computes on a machine. Raises `ModelError`."""
    with guarded(lambda reason: ModelError("model_not_loaded", model=name, reason=first_line(reason))):
        config = config_of(name, folder, LOCAL)
    config.dtype = machine.dtype
    return config


def config_of(name: str, folder: Path, common: dict[str, Any]) -> PretrainedConfig:
    """The configuration, by its type or, where that is not written down, by the class that it names."""
    from transformers import CONFIG_MAPPING, AutoConfig

    written = {} if "gguf_file" in common else read_config(name, folder)
    if not written or "model_type" in written:
        found: PretrainedConfig = AutoConfig.from_pretrained(folder, **common)
        return found
    return CONFIG_MAPPING[type_of(written)].from_pretrained(folder, local_files_only=True)


def tokenizer_of(name: str, config: PretrainedConfig, folder: Path, common: dict[str, Any]) -> PreTrainedTokenizerBase:
    """The tokenizer. Raises `ModelError` where it is empty, or lacks a package."""
    from transformers import AutoTokenizer

    given = {} if "gguf_file" in common else {"config": config}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **given, **common)
    except ImportError as reason:
        package = needs_package(reason)
        if package is None:
            raise
        raise ModelError("tokenizer_needs", model=name, package=package) from reason
    if not set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids):
        raise ModelError("no_tokenizer", model=name, files=WHOLE)  # transformers makes up an empty one
    return cast("PreTrainedTokenizerBase", tokenizer)


@dataclass(frozen=True)
class _Read:
    """A network as one class read it, with the weights that its file lacks and those that had no place."""

    choice: Choice
    network: PreTrainedModel
    missing: list[str]
    unused: list[str]
    notices: tuple[Notice, ...] = ()

    @property
    def whole(self) -> bool:
        """Is everything there that this class needs, and is it a class that may be had?"""
        alone = not self.choice.encoder or getattr(self.network.base_model, "decoder", None) is None
        return alone and not self.missing

    @property
    def headless(self) -> bool:
        """Are the layers all there, and only the head is not, or the pooler that it reads?"""
        layers = (key for key in self.missing if not POOLER.search(key))
        return bool(self.missing) and not any(_in_body(self.network, key) for key in layers)


def network_of(
    name: str, config: PretrainedConfig, folder: Path, common: dict[str, Any], known: tuple[Choice, ...] | None = None
) -> _Read:
    """The network with its attention going through `attend`, or returning its weights where that cannot be had.

    A head is left out where the file has no weights for it: transformers would make them up. `known` are the classes
    that may read it, where they are not those of a model of text.
    """
    first: _Read | None = None
    for choice in choices(config, gguf="gguf_file" in common) if known is None else known:
        if first is not None and choice.kind == "plain" and first.choice.kind != "plain" and not _may_drop(first):
            break
        read = _read(name, choice, config, folder, common)
        if read.whole:
            listen(read.network)
            return replace(read, notices=(*_headless(name, first), *_unused(name, config, read)))
        first = read if first is None or first.choice.encoder else first
    if first is None:  # Whisper's encoder hears, and there is nothing beside it that reads
        raise ModelError("not_text", model=name, type=config.model_type)
    if any(".base_layer." in key for key in first.unused):
        raise ModelError("adapter_inside", model=name)
    if any(QUANTISED.search(key) for key in first.unused):
        raise ModelError("quantised", model=name, method="?")
    before = wrapped(first.unused)
    if before and "key_mapping" not in common:
        read = network_of(name, config, folder, {**common, "key_mapping": {f"^{re.escape(before)}": ""}}, known)
        return replace(read, notices=(Notice("weights_wrapped", {"model": name, "before": before}), *read.notices))
    raise ModelError("weights_missing", model=name, count=len(first.missing), first=first.missing[0])


def _may_drop(read: _Read) -> bool:
    """May what lacks weights be read without its head, or as an encoder alone?"""
    return read.choice.kind == "seq2seq" or read.headless


def _read(name: str, choice: Choice, config: PretrainedConfig, folder: Path, common: dict[str, Any]) -> _Read:
    """A network read by one of transformers' classes, and the weights that its file lacks."""
    with _ONE_AT_A_TIME, guarded(lambda reason: _not_made(name, reason)):
        network, found = choice.maker.from_pretrained(
            folder, config=config, attn_implementation=EAGER if _is_eager(choice.maker, config) else ATTENTION,
            dtype=config.dtype, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **common,
        )  # fmt: skip
    shapes = sorted(found["mismatched_keys"])
    if shapes and getattr(config, "pruned_heads", None):
        raise ModelError("heads_pruned", model=name)
    if shapes:
        key, stored, asked = shapes[0]
        raise ModelError(
            "weights_shape", model=name, count=len(shapes), first=key, stored=tuple(stored), asked=tuple(asked)
        )  # fmt: skip
    pooling = choice.kind in ("sequence", "choice")
    pooled = sorted(key for key in found["missing_keys"] if pooling and POOLER.search(key))
    missing = [*_needed(found["missing_keys"]), *pooled]
    return _Read(choice, network, missing, _needed(found["unexpected_keys"]))


def _not_made(name: str, reason: BaseException) -> ModelError:
    """Why did transformers make no network? All that it says, in one line: what it says first may name a value only."""
    said = ValueError(" ".join(str(reason).split())) if str(reason).strip() else reason
    return ModelError("model_not_loaded", model=name, reason=first_line(said))


def _needed(keys: Iterable[str]) -> list[str]:
    """Those of the weights without which a picture would be of random numbers."""
    return sorted(key for key in keys if not NEEDLESS.search(key))


def _in_body(network: PreTrainedModel, key: str) -> bool:
    """Does a weight belong to the layers, and not to the head that predicts tokens?"""
    return key.startswith(f"{network.base_model_prefix}.") or network.base_model is network


def _is_eager(maker: type[Any], config: PretrainedConfig) -> bool:
    """Does the class that will be loaded keep its attention to itself?"""
    if config.model_type in EAGER_TYPES:
        return True
    return not all(one._can_set_attn_implementation() for one in _classes(maker, config))


def _classes(maker: type[Any], config: PretrainedConfig) -> tuple[type[Any], ...]:
    """The classes that a class of transformers makes for a configuration: itself, unless it finds them by type."""
    found = maker._model_mapping.get(type(config), ()) if hasattr(maker, "_model_mapping") else maker
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def _headless(name: str, first: _Read | None) -> tuple[Notice, ...]:
    """One line on the head that the file has no weights for, where one was to be had."""
    if first is None or not first.headless or first.choice.kind == "plain":
        return ()
    said = {"model": name, "architecture": type(first.network).__name__, "first": first.missing[0]}
    return (Notice("head_missing", said),)


def _unused(name: str, config: PretrainedConfig, read: _Read) -> tuple[Notice, ...]:
    """One line on weights that the class has no place for: those of another head, and those of the layers."""
    prefix = f"{read.network.base_model_prefix}."
    layers = [key for key in read.unused if key.startswith(prefix) or LAYER.search(key)]
    heads = unused_heads(read.network, (key for key in read.unused if key not in layers))
    found = []
    if heads:
        trained = (config.architectures or [type(read.network).__name__])[0]
        said = {"model": name, "architecture": trained, "names": ", ".join(heads[:4])}
        found.append(Notice("head_unused" if read.choice.kind == "plain" else "head_beside", said))
    if layers:
        counted = {"model": name, "count": len(layers), "first": layers[0], "used": type(read.network).__name__}
        found.append(Notice("weights_unused", counted))
    return tuple(found)


def adapter_of(name: str, folder: Path, network: PreTrainedModel) -> tuple[Notice, ...]:
    """The adapter beside the weights; where peft is installed, transformers has put it in already."""
    return () if getattr(network, "_hf_peft_config_loaded", False) else adapter_beside(name, folder, network)


def notices_of(name: str, folder: Path, config: PretrainedConfig) -> tuple[Notice, ...]:
    """Code that came with a folder and is not run: of the model, of its tokenizer."""
    code = bool(getattr(config, "auto_map", None)) or bool(read_said(folder).get("auto_map"))
    return (Notice("code_ignored", {"model": name}),) if code else ()


def _misfit(name: str, tokenizer: PreTrainedTokenizerBase, network: PreTrainedModel) -> tuple[Notice, ...]:
    """A line on tokens for which the model has no row of its embedding."""
    rows = embedding_rows(network)
    most = max(tokenizer.get_vocab().values(), default=-1) + 1
    if most <= rows:
        return ()
    return (Notice("tokenizer_larger", {"model": name, "tokens": most, "rows": int(rows)}),)


def _limit(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The longest text in tokens: the smaller of what the positions and the tokenizer allow."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions and config.model_type in PADDED_POSITIONS:
        positions -= (config.pad_token_id or 0) + 1
    if config.model_type == "big_bird":  # longer texts are read in blocks, whose weights are not returned by token
        positions = min(positions, (5 + 2 * config.num_random_blocks) * config.block_size)
    known = [n for n in (positions, tokenizer.model_max_length) if n and 0 < n < UNBOUNDED]
    return min(known) if known else None


def taken(name: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Opened:
    """What a network that is in memory already is, read from its own class; nothing on it is changed.

    Where transformers' class for what it was trained for predicts no tokens, it is the layers below its head.
    """
    kind, body = _taken_kind(network)
    eager = network.config.model_type in EAGER_TYPES or not _class_of(network)._can_set_attn_implementation()
    limit = _limit(body.config, tokenizer)
    return Opened(
        kind, body, tokenizer, limit, eager, (*_head_left(name, network, body), *_misfit(name, tokenizer, body))
    )


def _class_of(network: PreTrainedModel) -> type[Any]:
    """The class of transformers that a network's own is or comes from; its own where it comes from none."""
    from transformers import PreTrainedModel

    theirs = next(one for one in type(network).__mro__ if one.__module__.startswith("transformers."))
    return type(network) if theirs is PreTrainedModel else theirs


def _taken_kind(network: PreTrainedModel) -> tuple[Kind, PreTrainedModel]:
    """What a network predicts, and the part of it that does."""
    body = cast("PreTrainedModel", network.base_model)
    config = copy.copy(network.config)
    config.architectures = [_class_of(network).__name__]
    for choice in choices(config):
        classes = _classes(choice.maker, config)
        if isinstance(network, classes):
            return choice.kind, network
        if choice.kind == "plain" and isinstance(body, classes):
            return choice.kind, body
    writes = bool(config.is_encoder_decoder) and "decoder_input_ids" in signature(body.forward).parameters
    return "seq2seq" if writes else "plain", body


def _head_left(name: str, network: PreTrainedModel, body: PreTrainedModel) -> tuple[Notice, ...]:
    """One line on the head above the layers that are looked at."""
    if body is network:
        return ()
    heads = [part for part, one in network.named_children() if one is not body and any(True for _ in one.parameters())]
    said = {"model": name, "architecture": type(network).__name__, "names": ", ".join(heads[:4])}
    return (Notice("head_unused", said),) if heads else ()
