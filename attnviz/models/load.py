"""Load a model once, in float32 unless told otherwise and `eval()`, with its attention going through `attend`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from attnviz import doors, shipped
from attnviz.adapter.captioning.kinds import across, tells
from attnviz.adapter.checks import ADAPTER_WEIGHTS, check_config, check_files, read_config, said_in, type_of
from attnviz.adapter.classes import Kind
from attnviz.adapter.hearing.kinds import hears
from attnviz.adapter.machine import STORED, Machine
from attnviz.adapter.opening import opened
from attnviz.adapter.progress import Report, reported
from attnviz.adapter.prompts.languages import declared, usual
from attnviz.adapter.prompts.templates import has_template
from attnviz.adapter.registered import register
from attnviz.adapter.series.kinds import forecasts
from attnviz.adapter.stored.described import check_described, no_larger_than
from attnviz.adapter.stored.gguf import check_gguf, gguf_file
from attnviz.adapter.stored.multiplying import check_growth
from attnviz.adapter.stored.patterns import check_patterns
from attnviz.adapter.stored.tidied import tidied
from attnviz.adapter.tokenizers import WHOLE, check_tokenizer, read_said
from attnviz.adapter.vision.kinds import sees
from attnviz.core.given import check_functions
from attnviz.errors import ArgumentError, ModelError, first_line, shown
from attnviz.guard import guarded, own, sentences
from attnviz.models import memory
from attnviz.models.catalogue import recommended_revision
from attnviz.models.fetch import INDEX_FILE, UNREAD, fetch, shard_names, unread
from attnviz.models.nearby import other_weights
from attnviz.models.place import Found, find
from attnviz.notices import Notice, warn

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COMPARED = ("lab-1", "lab-2", "lab-4", "lab-8")  # trained alike but for the head count
SEEING = ("vit-1", "vit-2", "vit-4", "vit-8", "vit-4-bag", "detr-cells")  # look at pictures
BUILT_IN = (*COMPARED, "lab-gpt", "lab-long", "lab-readings", "lab-translator", *SEEING)
BOUNDARY_FILE = "word_boundary.safetensors"
BLOCK = 32  # bytes: in a GGUF file each tensor begins at a multiple of that
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
    together. "vision" looks at a picture (`VisionModel`), "hearing" listens to a sound (`HearingModel`), "series" reads
    values over time (`ForecastModel`).
    `eager` models do not let their attention be computed by `attend`: they return weights, which can be drawn and
    re-weighted but not changed inside a run.
    `limit` is the longest text in tokens, special tokens counted; None without a limit of its own. `revision` is the
    commit of the Hub that was loaded, `licence` what the model's card names, both None where they are not known.
    `notices` say what a reader should know of it: what the folder holds and is not used, one line each. `stored` is the
    number type of its files, where they are safetensors; it computes in that of its `machine`.
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
    stored: torch.dtype | None = None

    @property
    def parameters(self) -> int:
        """How many numbers were trained, tied ones counted once."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def size(self) -> int:
        """The bytes of memory that they take."""
        return sum(one.numel() * one.element_size() for one in self.network.parameters())

    @property
    def machine(self) -> Machine:
        """Where it computes, and in which numbers; a trace is in float32 on the CPU all the same."""
        return Machine.under(self.network)

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the languages that its tokenizer can be told (`record(..., languages=)`), () where of none."""
        return declared(self.tokenizer)

    @property
    def usual_languages(self) -> tuple[str | None, str | None]:
        """The languages that it takes text and target for where it is told none; None where it marks none then."""
        return usual(self.tokenizer)

    @property
    def chats(self) -> bool:
        """Does its tokenizer say how a chat is written (`record(..., chat=)`)?"""
        return has_template(self.tokenizer)

    @property
    def mask_id(self) -> int | None:
        """The id of [MASK], for models that fill blanks."""
        return self.tokenizer.mask_token_id if self.kind == "masked" else None


class WithoutText(Model):
    """What a `Model` of pictures, sounds or values over time has in common: nothing that has to do with words."""

    @property
    def languages(self) -> tuple[str, ...]:
        """None: it reads no text."""
        return ()

    @property
    def usual_languages(self) -> tuple[str | None, str | None]:
        """None: it reads no text; where it hears several it tells by itself which."""
        return None, None

    @property
    def chats(self) -> bool:
        """Never: it reads no text."""
        return False

    @property
    def mask_id(self) -> int | None:
        """None: it fills no blanks."""
        return None


def built_in_folder(name: str) -> Path:
    """Where a name points: the folder of a shipped model, or the name itself for a Hub id or folder."""
    return shipped.WEIGHTS / name if name in BUILT_IN else Path(name)


@sentences
def load(
    name: str | PathLike[str], revision: str | None = None, *, progress: Report | None = None,
    device: str | torch.device | None = None, dtype: str | torch.dtype | None = None,
) -> Model:  # fmt: skip
    """Which model is to be looked at? A built-in name ("lab-4"), a Hub id ("google-bert/bert-base-chinese"), a folder
    or a .gguf file; the address of a page of the Hub, a file in a model's folder and a folder one level off will do.

    Only safetensors and GGUF are read and no code that comes with a model is run. `progress` is told how far it is
    (`attnviz.models.Progress`). It computes on `device` ("cuda", "mps", a `torch.device`; the CPU unless given) in
    `dtype` ("bfloat16", `torch.float16`; float32 unless given); what a run records is float32 on the CPU. What the
    folder holds and is not used is told by `Model.notices`, and as a warning.
    Raises `ModelError` with what to do when the model cannot be found, is of a kind that is not read, does not fit into
    the memory, or lacks weights.
    """
    machine = Machine.of(device, dtype)
    name = named(name)
    if revision is not None and not isinstance(revision, str):
        raise ArgumentError("argument_revision", got=shown(revision))
    check_functions(progress=progress)
    doors.check("model", name, revision or "")
    progress = own(progress)
    with guarded(lambda reason: ModelError("model_not_loaded", model=name, reason=first_line(reason))):
        register()
        found = _find(name, revision)
        model = _of_gguf(found, machine, progress) if found.gguf else _of_folder(found, revision, machine, progress)
    warn(model.notices)
    return model


def named(name: Any) -> str:
    """What a model is called by, a text or a path. Raises `ArgumentError` for anything else."""
    try:
        found = os.fspath(name)
        if isinstance(found, str):
            return found
    except Exception:  # no path, or a thing that fails when it is asked for one
        pass
    raise ArgumentError("argument_name", got=shown(name))


def _find(name: str, revision: str | None) -> Found:
    """Where a name leads: a built-in model goes before all else. A revision that chooses nothing there is told."""
    found = Found(name, built_in_folder(name)) if name in BUILT_IN else find(name, revision)
    if not revision or found.folder is None or "snapshots" in found.folder.parts:  # those of the Hub's cache
        return found
    return replace(
        found, notices=(*found.notices, Notice("revision_unused", {"model": name, "revision": shown(revision)}))
    )


def _of_gguf(found: Found, machine: Machine, progress: Report | None) -> Model:
    """The model of a GGUF file."""
    assert found.folder is not None and found.gguf is not None
    path = gguf_file(str(found.folder / found.gguf), found.name)
    folder, size = path.parent, path.stat().st_size
    memory.check_weights(found.name, size)  # before all of it is mapped, whatever it says of itself
    need = check_gguf(path, found.name)
    memory.check_weights(found.name, need)
    with reported(found.name, found.gguf, size, progress), no_larger_than(found.name, size // BLOCK, need):
        return _open(found, folder, machine)


def _of_folder(found: Found, revision: str | None, machine: Machine, progress: Report | None) -> Model:
    """The model of a folder, fetched from the Hub if need be."""
    name, folder = found.name, found.folder
    if folder is None:
        assert found.hub is not None
        wanted = revision or found.hub.revision or recommended_revision(name)
        folder = fetch(name, wanted, progress=progress)
    check_files(name, folder)
    config = read_config(name, folder)
    check_config(name, config)
    check_tokenizer(name, config, read_said(folder), {path.name for path in folder.iterdir()})
    files = shard_names(name, folder)
    held = _check_weights(name, folder, files, machine)
    check_described(name, config, held.tensors, held.numbers)
    _check_cutting(name, folder)
    shipped.check(folder)
    size = sum((folder / file).stat().st_size for file in files)
    with reported(name, files[0], size, progress), no_larger_than(name, held.tensors, held.numbers):
        return _open(found, folder, machine, held.stored)


def _check_cutting(name: str, folder: Path) -> None:
    """Does its tokenizer stay in proportion to a text, and come to an end? Raises `ModelError` where not.

    Its file, of up to 35 MB, is read once for both; what it says is not held while the weights are read.
    """
    whole = said_in(folder / WHOLE)
    check_growth(name, folder, whole)
    check_patterns(name, whole)


def _check_weights(name: str, folder: Path, files: Sequence[str], machine: Machine) -> memory.Held:
    """What the files of weights hold, all of which are there, whole, and fit into the memory."""
    if not files:
        raise _no_weights(name, folder)
    for file in files:
        if not (folder / file).is_file():
            raise ModelError("shard_missing", model=name, file=file)
        with (folder / file).open("rb") as opened:
            if opened.read(len(POINTER)) == POINTER:
                raise ModelError("weights_pointer", model=name, file=file)
    held = memory.held((folder / file for file in files), machine.stored)
    if held.whole:  # quantised, and config.json says nothing of it
        raise ModelError("quantised", model=name, method=held.whole)
    memory.check_weights(name, held.loading)
    return held


def _no_weights(name: str, folder: Path) -> ModelError:
    """What a folder has in place of model.safetensors, and the next step."""
    found = next((file for file in UNREAD if (folder / file).is_file()), None)
    own = sorted(path.name for path in folder.iterdir() if path.suffix.lower() == ".safetensors" and path.is_file())
    others = [file for file in own if file not in (BOUNDARY_FILE, ADAPTER_WEIGHTS)]
    if found is None and any(PART.search(file) for file in others):
        return ModelError("shard_missing", model=name, file=INDEX_FILE)
    if found is None and len(others) == 1:
        return ModelError("weights_other_name", model=name, found=others[0])
    if found is None and (refusal := other_weights(name, folder)) is not None:
        return refusal
    return unread(name, found, folder)


def _open(found: Found, folder: Path, machine: Machine, stored: str = "") -> Model:
    """The model of a folder whose weights are `stored` in such numbers, or of one GGUF file in it."""
    known: dict[str, Any] = {
        "revision": folder.name if COMMIT.fullmatch(folder.name) else None,
        "licence": None if found.gguf else shipped.licence(folder),
        "stored": next((dtype for dtype, name in STORED.items() if name == stored), None),
    }
    model_type = "" if found.gguf else type_of(read_config(found.name, folder))
    if (opener := _opener(model_type)) is not None:
        return opener(found.name, folder, machine, notices=found.notices, **known)
    with nullcontext(folder) if found.gguf else tidied(folder) as place:
        read = opened(found.name, place, found.gguf, machine)
    boundary = None if found.gguf else _boundary(folder)
    made = Model(
        found.name, read.kind, read.network, read.tokenizer, boundary, read.limit, read.eager,
        notices=(*found.notices, *read.notices), **known,
    )  # fmt: skip
    if not tells(model_type):
        return made
    from attnviz.models import seeing

    return seeing.with_eyes(made, folder)


def _opener(model_type: str) -> Callable[..., Model] | None:
    """What opens a model that reads no text alone: kinds of `Model`, which stands here. None for one that does."""
    if sees(model_type) or across(model_type):
        from attnviz.models import seeing

        return seeing.open_folder if sees(model_type) else seeing.open_captioner
    if hears(model_type):
        from attnviz.models import hearing

        return hearing.open_folder
    if forecasts(model_type):
        from attnviz.models import forecasting

        return forecasting.open_folder
    return None


def _boundary(folder: Path) -> Boundary | None:
    """The word-boundary map of a local folder that carries one."""
    if not (folder / BOUNDARY_FILE).is_file():
        return None
    tensors = load_file(folder / BOUNDARY_FILE)
    return Boundary(tensors["weight"].float(), tensors["bias"].float())
