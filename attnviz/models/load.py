"""Load a model once, in float32 and `eval()`, with its attention going through `attend`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from safetensors.torch import load_file
from torch import Tensor
from yaml import YAMLError

from attnviz.errors import ModelError
from attnviz.guard import guarded, own
from attnviz.interface import ATTENTION, EAGER_TYPES, listen, register
from attnviz.models import memory
from attnviz.models.catalogue import recommended_revision
from attnviz.models.fetch import UNREAD, fetch, shard_names, unread
from attnviz.models.gguf import check_gguf
from attnviz.models.hub import Report
from attnviz.models.opening import reported
from attnviz.models.refuse import check_config, check_tokenizer, read_config

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

COMPARED = ("lab-1", "lab-2", "lab-4", "lab-8")  # trained alike but for the head count
BUILT_IN = (*COMPARED, "lab-gpt", "lab-long")
EAGER = "eager"  # transformers' own attention, which returns its weights
BOUNDARY_FILE = "word_boundary.safetensors"
WEIGHTS = Path(__file__).parents[1] / "weights"
UNBOUNDED = 1_000_000  # tokenizers without a limit carry a number above this
# Model types whose positions start after the padding id, so that the first few are never used.
PADDED_POSITIONS = {
    "camembert", "data2vec-text", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta",
    "xlm-roberta-xl", "xmod",
}  # fmt: skip
# Weights that a checkpoint may lack: they are computed, or nothing that is shown comes from them.
NEEDLESS = re.compile(r"(^|\.)(pooler\.|position_ids$|rotary_emb|inv_freq$|masked_bias$|attn\.bias$)")
COMMIT = re.compile(r"[0-9a-f]{40}")
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
    `limit` is the longest text in tokens, special tokens counted; None without a limit of its own. `revision` is the
    commit of the Hub that was loaded, `licence` what the model's card names, both None where they are not known.
    """

    name: str
    kind: Kind
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    boundary: Boundary | None
    limit: int | None
    eager: bool = False
    revision: str | None = None
    licence: str | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained, tied ones counted once."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def size(self) -> int:
        """The bytes of memory that they take."""
        return sum(one.numel() * one.element_size() for one in self.network.parameters())

    @property
    def mask_id(self) -> int | None:
        """The id of [MASK], for models that fill blanks."""
        return self.tokenizer.mask_token_id if self.kind == "masked" else None


def built_in_folder(name: str) -> Path:
    """Where a name points: the folder of a shipped model, or the name itself for a Hub id or folder."""
    return WEIGHTS / name if name in BUILT_IN else Path(name)


def load(name: str, revision: str | None = None, *, progress: Report | None = None) -> Model:
    """Which model is to be looked at? A built-in name ("lab-4"), a Hub id ("google-bert/bert-base-chinese"), a folder
    or a .gguf file.

    Only safetensors and GGUF are read and no code that comes with a model is run. `progress` is told how far it is
    (`attnviz.models.Progress`). Raises `ModelError` with what to do when the model cannot be found, is of a kind that
    is not read, does not fit into the memory, or lacks weights.
    """
    register()
    gguf, progress = Path(name).suffix.lower() == ".gguf", own(progress)
    with guarded(lambda reason: ModelError("model_not_loaded", model=name, reason=_first_sentence(reason))):
        if gguf:
            folder, file = check_gguf(name), Path(name).name
        else:
            folder, file = _folder(name, revision, progress), None
            check_config(name, read_config(name, folder))
            check_tokenizer(name, {path.name for path in folder.iterdir()})
        size = _check_weights(name, folder) if file is None else (folder / file).stat().st_size
        with reported(name, file or shard_names(name, folder)[0], size, progress):
            return _open(name, folder, file)


def _folder(name: str, revision: str | None, progress: Report | None) -> Path:
    """The folder that a name leads to, fetched from the Hub if need be."""
    folder = built_in_folder(name).expanduser()
    if name and folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError("folder_no_config", model=name)
        return folder
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1:
        raise ModelError("folder_missing", model=name)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name, re.ASCII):
        raise ModelError("model_name", model=name)
    return fetch(name, revision or recommended_revision(name), progress=progress)


def _check_weights(name: str, folder: Path) -> int:
    """Bytes of the files of weights, all of which are there, whole, and fit into the memory."""
    files = shard_names(name, folder)
    if not files:
        raise unread(name, next((file for file in UNREAD if (folder / file).is_file()), None))
    for file in files:
        if not (folder / file).is_file():
            raise ModelError("shard_missing", model=name, file=file)
    memory.check_weights(name, memory.folder_bytes(folder / file for file in files))
    return sum((folder / file).stat().st_size for file in files)


def _open(name: str, folder: Path, gguf: str | None) -> Model:
    """The model of a folder, or of one GGUF file in it."""
    from transformers import AutoConfig, AutoTokenizer

    common = {"local_files_only": True, "trust_remote_code": False} | ({"gguf_file": gguf} if gguf else {})
    config = AutoConfig.from_pretrained(folder, **common)
    if config.model_type == "big_bird":  # what transformers turns to by itself for texts of up to `_limit` tokens
        config.attention_type = "original_full"
    tokenizer = AutoTokenizer.from_pretrained(folder, **common)
    if not set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids):
        raise ModelError("no_tokenizer", model=name)  # transformers makes up an empty one
    kind, network = _network(name, config, folder, common)
    eager = network.config._attn_implementation == EAGER
    boundary = None if gguf else _boundary(folder)
    revision = folder.name if COMMIT.fullmatch(folder.name) else None
    licence = None if gguf else licence_of(folder)
    limit = _limit(config, tokenizer)
    return Model(name, kind, network, tokenizer, boundary, limit, eager, revision, licence)


def _network(name: str, config: PretrainedConfig, folder: Path, common: dict[str, Any]) -> tuple[Kind, PreTrainedModel]:
    """The network with its attention going through `attend`, or returning its weights where that cannot be had.

    A head that predicts tokens is left out where the file has no weights for it: transformers would make them up.
    """
    from transformers import AutoModel

    kind, maker = _kind(config, gguf="gguf_file" in common)
    network, missing = _read(name, maker, config, folder, common)
    if missing and kind in ("masked", "causal") and not any(_in_body(network, key) for key in missing):
        kind, (network, missing) = "plain", _read(name, AutoModel, config, folder, common)
    if missing:
        raise ModelError("weights_missing", model=name, count=len(missing), first=missing[0])
    listen(network)
    return kind, network.eval()


def _read(
    name: str, maker: type[Any], config: PretrainedConfig, folder: Path, common: dict[str, Any]
) -> tuple[PreTrainedModel, list[str]]:
    """A network read by one of transformers' classes, and the weights that its file lacks."""
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
    return cast("PreTrainedModel", network), sorted(_needed(found["missing_keys"]))


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


def _boundary(folder: Path) -> Boundary | None:
    """The word-boundary map of a local folder that carries one."""
    if not (folder / BOUNDARY_FILE).is_file():
        return None
    tensors = load_file(folder / BOUNDARY_FILE)
    return Boundary(tensors["weight"].float(), tensors["bias"].float())


def licence_of(folder: Path) -> str | None:
    """The licence that a model's card names; None without a card, or where it cannot be read."""
    from huggingface_hub import metadata_load

    try:
        found = (metadata_load(folder / "README.md") or {}).get("license")
    except (OSError, ValueError, YAMLError):
        return None
    return found if isinstance(found, str) else None


def _first_sentence(reason: BaseException) -> str:
    """The first line of a library's own message, at most 200 characters."""
    return (str(reason).strip().splitlines() or [type(reason).__name__])[0][:200]
