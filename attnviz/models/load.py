"""Load a model once, in float32 and `eval()`, with its attention going through `attend`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from attnviz.errors import ModelError
from attnviz.interface import ATTENTION, register

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

BUILT_IN = ("lab-1", "lab-2", "lab-4", "lab-8")
EAGER = "eager"  # transformers' own attention, which returns its weights
BOUNDARY_FILE = "word_boundary.safetensors"
WEIGHTS = Path(__file__).parents[1] / "weights"
UNBOUNDED = 1_000_000  # tokenizers without a limit carry a number above this
# Model types whose positions start after the padding id, so that the first few are never used.
PADDED_POSITIONS = {
    "camembert", "data2vec-text", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
}  # fmt: skip
Kind = Literal["masked", "causal", "seq2seq", "plain"]


@dataclass(frozen=True)
class Boundary:
    """A linear map from the last hidden state to (inside, begin); any model folder may carry one.

    `weight` is `[2, width]`, `bias` `[2]`.
    """

    weight: Tensor
    bias: Tensor

    def begins(self, outputs: Tensor) -> Tensor:
        """The probability `[token]` that a word begins at each token, from outputs `[token, width]`."""
        return torch.softmax(outputs @ self.weight.T + self.bias, dim=-1)[..., 1]


@dataclass(frozen=True)
class Model:
    """A loaded model, shared by everyone who asks for it: never changed after loading.

    `kind` is what it predicts: "masked" fills blanks, "causal" the next token, "seq2seq" the next token of an answer,
    "plain" predicts no tokens. `eager` models do not let their attention be computed by `attend`: they return weights,
    which can be drawn and re-weighted but not changed inside a run.
    `limit` is the longest text in tokens, special tokens counted; None without a limit of its own.
    """

    name: str
    kind: Kind
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    boundary: Boundary | None
    limit: int | None
    eager: bool = False

    @property
    def mask_id(self) -> int | None:
        """The id of [MASK], for models that fill blanks."""
        return self.tokenizer.mask_token_id if self.kind == "masked" else None


def built_in_folder(name: str) -> Path:
    """Where a name points: the folder of a shipped model, or the name itself for a Hub id or folder."""
    return WEIGHTS / name if name in BUILT_IN else Path(name)


def load(name: str, *, revision: str | None = None) -> Model:
    """Which model is to be looked at? A built-in name ("lab-4"), a Hub id ("bert-base-chinese") or a folder.

    Only safetensors are read and no code from the Hub is run. Raises `ModelError` with what to do when the model
    cannot be found or is of a kind that is not read.
    """
    from transformers import AutoConfig, AutoTokenizer

    register()
    place = str(built_in_folder(name)) if name in BUILT_IN else name
    try:
        config = AutoConfig.from_pretrained(place, revision=revision)
        kind, maker = _kind(config)
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision)
        if not set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids):
            raise OSError("it has no tokenizer files")  # transformers makes up an empty tokenizer
        network = _network(maker, config, place, revision)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, SafetensorError) as reason:
        raise ModelError("model_not_loaded", model=name, reason=_first_sentence(reason)) from reason
    eager = network.config._attn_implementation == EAGER
    return Model(name, kind, network, tokenizer, _boundary(Path(place)), _limit(config, tokenizer), eager)


def _network(maker: type[Any], config: PretrainedConfig, place: str, revision: str | None) -> PreTrainedModel:
    """The network with its attention going through `attend`, or returning its weights where that cannot be had."""
    way = EAGER if _is_eager(maker, config) else ATTENTION
    network = maker.from_pretrained(
        place, revision=revision, attn_implementation=way, dtype=torch.float32, use_safetensors=True
    )
    return cast("PreTrainedModel", network.eval())


def _is_eager(maker: type[Any], config: PretrainedConfig) -> bool:
    """Does the class that will be loaded keep its attention to itself?"""
    found = maker._model_mapping[type(config)]
    classes = found if isinstance(found, (tuple, list)) else (found,)
    return not all(one._can_set_attn_implementation() for one in classes)


def _kind(config: PretrainedConfig) -> tuple[Kind, type[Any]]:
    """What does the model predict, and which class loads it? By the architecture that its config names."""
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    architecture = (config.architectures or [""])[0]
    if config.is_encoder_decoder and not architecture.startswith(("T5Encoder", "MT5Encoder", "UMT5Encoder")):
        return "seq2seq", AutoModelForSeq2SeqLM
    if architecture == "ElectraForPreTraining":  # it tells true tokens from false ones; it fills no blanks
        return "plain", AutoModel
    if architecture.endswith(("ForMaskedLM", "ForPreTraining")):
        return "masked", AutoModelForMaskedLM
    if architecture.endswith(("ForCausalLM", "LMHeadModel")):
        return "causal", AutoModelForCausalLM
    return "plain", AutoModel


def _limit(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The longest text in tokens: the smaller of what the positions and the tokenizer allow."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions and config.model_type in PADDED_POSITIONS:
        positions -= (config.pad_token_id or 0) + 1
    known = [n for n in (positions, tokenizer.model_max_length) if n and n < UNBOUNDED]
    return min(known) if known else None


def _boundary(folder: Path) -> Boundary | None:
    """The word-boundary map of a local folder that carries one."""
    if not (folder / BOUNDARY_FILE).is_file():
        return None
    tensors = load_file(folder / BOUNDARY_FILE)
    return Boundary(tensors["weight"].float(), tensors["bias"].float())


def _first_sentence(reason: BaseException) -> str:
    """The first line of a library's own message, at most 200 characters."""
    return (str(reason).strip().splitlines() or [type(reason).__name__])[0][:200]
