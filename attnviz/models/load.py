"""Load a model once, in float32 and `eval()`, with its attention going through `attend`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor

from attnviz import shipped
from attnviz.adapter.checks import check_config, check_tokenizer, read_config
from attnviz.adapter.gguf import check_gguf
from attnviz.adapter.opening import Kind, opened
from attnviz.adapter.progress import Report, reported
from attnviz.adapter.registered import register
from attnviz.errors import ModelError
from attnviz.guard import guarded, own
from attnviz.models import memory
from attnviz.models.catalogue import recommended_revision
from attnviz.models.fetch import UNREAD, fetch, shard_names, unread

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COMPARED = ("lab-1", "lab-2", "lab-4", "lab-8")  # trained alike but for the head count
BUILT_IN = (*COMPARED, "lab-gpt", "lab-long", "lab-readings")
BOUNDARY_FILE = "word_boundary.safetensors"
COMMIT = re.compile(r"[0-9a-f]{40}")


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
    "plain" predicts nothing. Of trained heads "sequence" says something of the whole text (a label, a number), "token"
    of each token, "question" where an answer stands; `unused_heads` are those that the file has beside what was loaded,
    by the names of their weights. `eager` models do not let their attention be computed by `attend`: they return
    weights, which can be drawn and re-weighted but not changed inside a run.
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
    unused_heads: tuple[str, ...] = ()

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
    return shipped.WEIGHTS / name if name in BUILT_IN else Path(name)


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
            folder, need = check_gguf(name)
            file = Path(name).name
            memory.check_weights(name, need)
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
    found = opened(name, folder, gguf)
    boundary = None if gguf else _boundary(folder)
    revision = folder.name if COMMIT.fullmatch(folder.name) else None
    licence = None if gguf else shipped.licence(folder)
    return Model(
        name, found.kind, found.network, found.tokenizer, boundary, found.limit, found.eager, revision, licence,
        found.unused_heads,
    )  # fmt: skip


def _boundary(folder: Path) -> Boundary | None:
    """The word-boundary map of a local folder that carries one."""
    if not (folder / BOUNDARY_FILE).is_file():
        return None
    tensors = load_file(folder / BOUNDARY_FILE)
    return Boundary(tensors["weight"].float(), tensors["bias"].float())


def _first_sentence(reason: BaseException) -> str:
    """The first line of a library's own message, at most 200 characters."""
    return (str(reason).strip().splitlines() or [type(reason).__name__])[0][:200]
