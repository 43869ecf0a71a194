"""Load a model once, in float32 and `eval()`, with its attention going through `attend`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor

from attnviz import shipped
from attnviz.adapter.checks import ADAPTER_WEIGHTS, check_config, read_config
from attnviz.adapter.classes import Kind
from attnviz.adapter.gguf import check_gguf
from attnviz.adapter.opening import opened
from attnviz.adapter.progress import Report, reported
from attnviz.adapter.registered import register
from attnviz.adapter.tokenizers import check_tokenizer, read_said
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded, own
from attnviz.models import memory
from attnviz.models.catalogue import recommended_revision
from attnviz.models.fetch import INDEX_FILE, UNREAD, fetch, shard_names, unread
from attnviz.models.place import Found, find
from attnviz.notices import Notice, warn

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COMPARED = ("lab-1", "lab-2", "lab-4", "lab-8")  # trained alike but for the head count
BUILT_IN = (*COMPARED, "lab-gpt", "lab-long", "lab-readings")
BOUNDARY_FILE = "word_boundary.safetensors"
COMMIT = re.compile(r"[0-9a-f]{40}")
PART = re.compile(r"-\d+-of-\d+\.safetensors$")
POINTER = b"version https://git-lfs"  # what Git leaves in place of a large file where it has no LFS


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
    of each token, "question" where an answer stands, "choice" how well a text and one of several answers to it go
    together. `eager` models do not let their attention be computed by `attend`:
    they return weights, which can be drawn and re-weighted but not changed inside a run.
    `limit` is the longest text in tokens, special tokens counted; None without a limit of its own. `revision` is the
    commit of the Hub that was loaded, `licence` what the model's card names, both None where they are not known.
    `notices` say what a reader should know of it: what the folder holds and is not used, one line each.
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
    notices: tuple[Notice, ...] = ()

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


def load(name: str | PathLike[str], revision: str | None = None, *, progress: Report | None = None) -> Model:
    """Which model is to be looked at? A built-in name ("lab-4"), a Hub id ("google-bert/bert-base-chinese"), a folder
    or a .gguf file; the address of a page of the Hub, a file in a model's folder and a folder one level off will do.

    Only safetensors and GGUF are read and no code that comes with a model is run. `progress` is told how far it is
    (`attnviz.models.Progress`). What the folder holds and is not used is told by `Model.notices`, and as a warning.
    Raises `ModelError` with what to do when the model cannot be found, is of a kind that is not read, does not fit into
    the memory, or lacks weights.
    """
    register()
    name, progress = str(name), own(progress)
    with guarded(lambda reason: ModelError("model_not_loaded", model=name, reason=first_line(reason))):
        found = _find(name, revision)
        model = _of_gguf(found, progress) if found.gguf else _of_folder(found, revision, progress)
    warn(model.notices)
    return model


def _find(name: str, revision: str | None) -> Found:
    """Where a name leads: a built-in model goes before all else."""
    return Found(name, built_in_folder(name)) if name in BUILT_IN else find(name, revision)


def _of_gguf(found: Found, progress: Report | None) -> Model:
    """The model of a GGUF file."""
    assert found.folder is not None and found.gguf is not None
    folder, need = check_gguf(str(found.folder / found.gguf), found.name)
    memory.check_weights(found.name, need)
    with reported(found.name, found.gguf, (folder / found.gguf).stat().st_size, progress):
        return _open(found, folder)


def _of_folder(found: Found, revision: str | None, progress: Report | None) -> Model:
    """The model of a folder, fetched from the Hub if need be."""
    name, folder = found.name, found.folder
    if folder is None:
        assert found.hub is not None
        wanted = revision or found.hub.revision or recommended_revision(name)
        folder = fetch(name, wanted, progress=progress)
    config = read_config(name, folder)
    check_config(name, config)
    check_tokenizer(name, config, read_said(folder), {path.name for path in folder.iterdir()})
    size = _check_weights(name, folder)
    with reported(name, shard_names(name, folder)[0], size, progress):
        return _open(found, folder)


def _check_weights(name: str, folder: Path) -> int:
    """Bytes of the files of weights, all of which are there, whole, and fit into the memory."""
    files = shard_names(name, folder)
    if not files:
        raise _no_weights(name, folder)
    for file in files:
        if not (folder / file).is_file():
            raise ModelError("shard_missing", model=name, file=file)
        with (folder / file).open("rb") as opened:
            if opened.read(len(POINTER)) == POINTER:
                raise ModelError("weights_pointer", model=name, file=file)
    memory.check_weights(name, memory.folder_bytes(folder / file for file in files))
    return sum((folder / file).stat().st_size for file in files)


def _no_weights(name: str, folder: Path) -> ModelError:
    """What a folder has in place of model.safetensors, and the next step."""
    found = next((file for file in UNREAD if (folder / file).is_file()), None)
    own = sorted(path.name for path in folder.glob("*.safetensors"))
    others = [file for file in own if file not in (BOUNDARY_FILE, ADAPTER_WEIGHTS)]
    if found is None and any(PART.search(file) for file in others):
        return ModelError("shard_missing", model=name, file=INDEX_FILE)
    if found is None and len(others) == 1:
        return ModelError("weights_other_name", model=name, found=others[0])
    return unread(name, found, folder)


def _open(found: Found, folder: Path) -> Model:
    """The model of a folder, or of one GGUF file in it."""
    read = opened(found.name, folder, found.gguf)
    boundary = None if found.gguf else _boundary(folder)
    revision = folder.name if COMMIT.fullmatch(folder.name) else None
    licence = None if found.gguf else shipped.licence(folder)
    return Model(
        found.name, read.kind, read.network, read.tokenizer, boundary, read.limit, read.eager, revision, licence,
        (*found.notices, *read.notices),
    )  # fmt: skip


def _boundary(folder: Path) -> Boundary | None:
    """The word-boundary map of a local folder that carries one."""
    if not (folder / BOUNDARY_FILE).is_file():
        return None
    tensors = load_file(folder / BOUNDARY_FILE)
    return Boundary(tensors["weight"].float(), tensors["bias"].float())
