"""From a Hub id to a local folder: what is there is taken from the cache, what is missing is fetched file by file.

What can be refused by its configuration or its size is refused before any weights are fetched.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnviz.adapter.checks import ADAPTER, ADAPTER_WEIGHTS, check_config, read_config, read_json, said_in
from attnviz.adapter.progress import Progress, Report
from attnviz.adapter.tokenizers import CONFIG as TOKENIZER
from attnviz.adapter.tokenizers import check_tokenizer, read_said, wanted
from attnviz.errors import ModelError
from attnviz.models import memory
from attnviz.models.hub import Hub, Remote, network_errors, once_more

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
UNREAD = (*PICKLES, "tf_model.h5", "flax_model.msgpack", "model.ckpt.index")
OPTIONAL = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "source.spm",
    "target.spm", "generation_config.json", "chat_template.jinja", "preprocessor_config.json",
    "processor_config.json", "word_boundary.safetensors", "README.md", ADAPTER, ADAPTER_WEIGHTS,
)  # fmt: skip
before_fetching: list[Callable[[str, int], None]] = []  # told a model and its bytes; may raise (a server's quota)
AT_ONCE = 8  # questions asked of the Hub at the same time

__all__ = ["Progress", "fetch", "shard_names", "unread"]


def fetch(
    name: str, revision: str | None = None, *, progress: Report | None = None, endpoint: str | None = None
) -> Path:
    """Where is the Hub's model on this machine? Fetches what is not there yet.

    The endpoint is HF_ENDPOINT, read now, unless given. Without a network the cache serves. Raises `ModelError` with
    what to do: unknown id or revision, gated, no network, no safetensors, needs remote code, no text, too large for the
    memory or the disk, broken off, damaged on the way.
    """
    from huggingface_hub import constants

    # Else the library asks {endpoint}/api/agent-harnesses for its statistics: mirrors lack it, and nobody needs it.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    place = (endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    hub = Hub(name, revision or constants.DEFAULT_REVISION, place, progress)
    with hub.refusals():
        config, failure = _config(hub)
        folder = config.parent
        check_config(name, read_config(name, folder))
        if not _is_complete(hub, folder, ask=failure is None):
            if failure is not None:
                raise failure
            _fetch_rest(hub, folder)
        return folder


def _config(hub: Hub) -> tuple[Path, Exception | None]:
    """config.json, whose commit all other files are taken from; the cached one where the Hub does not answer."""
    cached = hub.cached("config.json", hub.revision)
    if cached is not None and cached.parent.name == hub.revision:  # a commit: it never changes
        hub.commit = hub.revision
        return cached, None
    try:
        remote = hub.look("config.json", hub.revision)
    except network_errors() as failure:
        if cached is None:
            raise
        hub.commit = cached.parent.name
        return cached, failure
    if remote is None:
        raise _no_config(hub)
    hub.total = remote.size
    return hub.take(remote, hub.revision), None


def _no_config(hub: Hub) -> ModelError:
    """The refusal of what has no config.json: an adapter names the model that it was trained for."""
    remote = hub.look(ADAPTER, hub.revision)
    if remote is None:
        return ModelError("hub_no_config", model=hub.name)
    hub.total = remote.size
    return adapter_alone(hub.name, hub.take(remote, hub.revision))


def adapter_alone(name: str, file: Path) -> ModelError:
    """The refusal of an adapter without its model; `file` is its adapter_config.json (peft's, or the adapters')."""
    said = said_in(file)
    base = said.get("base_model_name_or_path") or said.get("model_name")
    if not base or not isinstance(base, str):
        return ModelError("adapter_nameless", model=name)
    return ModelError("adapter_alone", model=name, base=base)


def _is_complete(hub: Hub, folder: Path, ask: bool) -> bool:
    """Are all weights there? If the Hub can be asked, also: is there nothing that it has never been asked for?"""
    files = shard_names(hub.name, folder)
    there = bool(files) and all((folder / file).is_file() for file in files)
    return there and (not ask or all(hub.known(file) for file in _small(hub.name, folder)))


def _small(name: str, folder: Path) -> tuple[str, ...]:
    """The files beside the weights: those that any model may have, and those that its own tokenizer reads."""
    own = wanted(read_config(name, folder), read_said(folder))
    return (*OPTIONAL, *(file for file in own if file not in OPTIONAL))


def _fetch_rest(hub: Hub, folder: Path) -> None:
    """Everything beside the configuration; the weights last, after all that speaks against them has been looked at."""
    weights = _weights(hub)
    said = hub.look(TOKENIZER)
    early = 0 if said is None or hub.cached(TOKENIZER) is not None else said.size
    if said is not None:  # it says what else the tokenizer needs
        replace(hub, progress=None).take(said)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        small = [one for one in pool.map(hub.look, _small(hub.name, folder)) if one is not None]
    check_tokenizer(hub.name, read_config(hub.name, folder), read_said(folder), {one.file for one in small})
    lacking = [one for one in (*small, *weights) if hub.cached(one.file) is None]
    hub.total, hub.done = early + sum(one.size for one in lacking), 0
    _check_room(hub, weights)
    hub.report(TOKENIZER, now=bool(early))
    hub.done = early
    for one in lacking:
        hub.take(one)


def _weights(hub: Hub) -> list[Remote]:
    """The files of weights, sizes known. Refused if there are none that can be read."""
    single = hub.look(WEIGHTS_FILE)
    if single is not None:
        return [single]
    index = hub.look(INDEX_FILE)
    if index is None:
        found = next((file for file in UNREAD if hub.look(file) is not None), None)
        raise unread(hub.name, found)
    files = shard_names(hub.name, hub.take(index).parent)
    looks = [hub.look(file) for file in files]
    for file, look in zip(files, looks, strict=True):
        if look is None:
            raise ModelError("shard_missing", model=hub.name, file=file)
    return [look for look in looks if look is not None]


def _check_room(hub: Hub, weights: Sequence[Remote]) -> None:
    """Refuse what does not fit: into the memory once it is float32, or onto the disk."""
    header = _header(hub, weights[0])
    share = memory.loading_bytes(header) / max(memory.stored_bytes(header), 1)
    memory.check_weights(hub.name, int(sum(one.size for one in weights) * share))
    free = shutil.disk_usage(hub.cache).free
    if hub.total > free:
        need, left = memory.gigabytes(hub.total), memory.gigabytes(free)
        raise ModelError("disk_full", model=hub.name, need=need, free=left, folder=hub.cache)
    for ask in before_fetching:
        ask(hub.name, hub.total)


def _header(hub: Hub, remote: Remote) -> dict[str, dict[str, Any]]:
    """The table of tensors at the beginning of a file of weights; of a remote file no more than that is fetched."""
    cached = hub.cached(remote.file)

    def fetched() -> dict[str, dict[str, Any]]:
        with hub.stream(remote) as (_, chunks):
            return memory.read_header(_Begun(chunks))

    try:
        if cached is None:
            return once_more(fetched)
        with cached.open("rb") as file:
            return memory.read_header(file)
    except ValueError as reason:
        raise ModelError("weights_corrupt", file=cached or f"{hub.name}/{remote.file}", reason=reason) from reason


class _Begun:
    """Reads the beginning of a stream of chunks as if it were a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.rest = chunks, b""

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end."""
        while len(self.rest) < size and (chunk := next(self.chunks, b"")):
            self.rest += chunk
        found, self.rest = self.rest[:size], self.rest[size:]
        return found


def shard_names(name: str, folder: Path) -> list[str]:
    """Which files of weights does a folder have, or should it have by its index? None where it has neither."""
    if (folder / WEIGHTS_FILE).is_file() or not (folder / INDEX_FILE).is_file():
        return [WEIGHTS_FILE] if (folder / WEIGHTS_FILE).is_file() else []
    try:
        said = read_json(folder / INDEX_FILE)
        names = said.get("weight_map") if isinstance(said, dict) else None
        files = {str(file) for file in names.values()} if isinstance(names, dict) else set[str]()
        if not files or not all(re.fullmatch(r"[\w.-]+\.safetensors", file) for file in files):
            raise ValueError("it names no files beside itself")
    except (OSError, ValueError) as reason:
        raise ModelError("weights_corrupt", file=folder / INDEX_FILE, reason=reason) from reason
    return sorted(files)


def unread(name: str, found: str | None, folder: Path | None = None) -> ModelError:
    """The refusal of a model without safetensors; `found` is what it has instead, in a `folder` of this machine."""
    if found is None:
        return ModelError("no_weights", model=name)
    place = name if folder is None else str(folder)
    if found not in PICKLES:
        return ModelError("weights_of_others", model=name, found=found)
    return ModelError("no_safetensors", model=name, found=found, command=conversion(place, folder))


def conversion(place: str, folder: Path | None) -> str:
    """The command that writes the weights of a model as safetensors, with the class that its config.json names."""
    config = {} if folder is None else read_config(place, folder)
    named = config.get("architectures")
    maker = named[0] if isinstance(named, list) and named and str(named[0]).isidentifier() else "AutoModel"
    new = f"{place.rstrip('/').rpartition('/')[2] or 'model'}-safetensors"
    read, write = f"from_pretrained({place!r})", f"save_pretrained({new!r})"
    imports = f"from transformers import AutoTokenizer, {maker}"
    return f'python -c "{imports}; {maker}.{read}.{write}; AutoTokenizer.{read}.{write}"'
