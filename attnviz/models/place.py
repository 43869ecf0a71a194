"""Where does a name lead? To a folder, a GGUF file or a model of the Hub; what is one level off is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from attnviz.adapter.checks import ADAPTER, read_json, said_in
from attnviz.errors import ModelError
from attnviz.models.address import OnHub, on_hub, plain, readings
from attnviz.models.fetch import INDEX_FILE, UNREAD, WEIGHTS_FILE, adapter_alone
from attnviz.models.nearby import check_split, other_config, texts_only
from attnviz.notices import Notice

CONFIG = "config.json"
WEIGHTS = (WEIGHTS_FILE, INDEX_FILE, *UNREAD)
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
ARCHIVES = re.compile(r"\.(zip|tar|tgz|gz|bz2|xz|7z|rar|zst)$", re.I)
# Files that say of their folder what it is, where no config.json lies beside them.
TELLING = ("modules.json", ADAPTER, "trainer_state.json", "params.json", "bert_config.json")
TRAILS = re.compile(r"\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|onnx|index\.json)$", re.I)
MOST = 1000  # entries of a folder that are looked at
DEEP = 3  # levels that a model is looked for below the folder that was given
NAMED = 4  # models that a sentence names


@dataclass(frozen=True)
class Found:
    """Where a model lies: a `folder`, and in it a `gguf` file; or one of the Hub's. `name` is what to call it."""

    name: str
    folder: Path | None = None
    gguf: str | None = None
    hub: OnHub | None = None
    notices: tuple[Notice, ...] = ()


def find(name: str, revision: str | None = None) -> Found:
    """Where does a name lead? Nothing is fetched. Raises `ModelError` with the next step where it leads nowhere.

    `revision` chooses among those that the Hub's cache holds, where the name is that of its folder for one model.
    """
    for way in readings(name):
        path = _there(way)
        called = name if way == name else way
        if path is not None and path.is_dir():
            try:
                return _in_folder(called, path, revision)
            except PermissionError as error:
                raise ModelError("browse_unreadable", folder=path) from error
        if path is not None and path.is_file() and (found := _from_file(called, path, revision)) is not None:
            return found
    return _elsewhere(name)


def _there(way: str) -> Path | None:
    """A path to what is there; None where there is nothing, nor can be: too long, a zero byte, an unknown user."""
    try:
        path = Path(way).expanduser()
        path.stat()
    except (OSError, RuntimeError, ValueError):
        return None
    return path


def _elsewhere(name: str) -> Found:
    """What is not on this machine: one of the Hub's, by id or address."""
    bare = plain(name)
    local = bare.startswith((".", "/", "~")) or "\\" in bare or bare.lower().startswith("file:")
    hub = None if local else on_hub(bare)
    if hub is None:
        missing = local or bare.count("/") > 1 or Path(bare).suffix.lower() == ".gguf"
        raise ModelError("folder_missing" if missing else "model_name", model=name)
    if hub.file.lower().endswith(".gguf"):
        raise ModelError("address_gguf", model=name, file=hub.file)
    if hub.name == bare and bare.lower().endswith(".gguf"):
        raise ModelError("folder_missing", model=name)
    return Found(hub.name, hub=hub)


def _from_file(name: str, path: Path, revision: str | None) -> Found | None:
    """The model that a file belongs to; None for a file that may bear a model's name by chance."""
    if path.suffix.lower() == ".gguf":
        check_split(name, path)
        return Found(name, path.parent, path.name)
    if path.name == CONFIG or path.name in TELLING or (path.parent / CONFIG).is_file():
        return _in_folder(name, path.parent, revision)
    if ARCHIVES.search(path.name):
        raise ModelError("file_archive", model=name)
    if TRAILS.search(path.name):
        raise _refusal(name, path.parent)
    if len(path.parts) == 1 and not path.suffix:
        return None
    raise ModelError("file_no_model", model=name)


def _in_folder(name: str, folder: Path, revision: str | None) -> Found:
    """The model of a folder, or the one that lies below it where that is the only one meant."""
    if _is_model(folder):
        return Found(name, folder)
    inner = _below(name, folder, revision, DEEP)
    if inner is not None:
        return _taken(name, folder, inner)
    if not (folder / CONFIG).is_file() or _belongs_above(folder):
        raise _refusal(name, folder)
    return Found(name, folder)


def _taken(name: str, folder: Path, inner: Path) -> Found:
    """What lies below the folder that was given, and a line that says so."""
    notice = Notice("folder_below", {"model": name, "place": inner.relative_to(folder)})
    if inner.suffix.lower() == ".gguf":
        return Found(name, inner.parent, inner.name, notices=(notice,))
    if not (inner / CONFIG).is_file():
        raise _refusal(name, inner)
    return Found(name, inner, notices=(notice,))


def _is_model(folder: Path) -> bool:
    """Does a folder hold a configuration of transformers, and weights beside it?"""
    return _of_transformers(folder) and any((folder / file).is_file() for file in WEIGHTS)


def _of_transformers(folder: Path) -> bool:
    """Does its config.json name a type or a class?"""
    config = said_in(folder / CONFIG)
    return bool(config.get("model_type") or config.get("architectures"))


def _belongs_above(folder: Path) -> bool:
    """Is it a part of a model, as `1_Pooling` of sentence-transformers?"""
    return not _of_transformers(folder) and bool(said_in(folder / CONFIG)) and _of_transformers(folder.parent)


def _below(name: str, folder: Path, revision: str | None, deep: int) -> Path | None:
    """The folder or GGUF file below this one that is meant; None where there is none. Raises `ModelError` if several.

    What says by itself which it is goes first: the modules of sentence-transformers, the Hub's cache, checkpoints.
    """
    for found in (_module(folder), _snapshot(folder, revision), _checkpoint(folder)):
        if found is not None:
            return found
    ggufs = [path for path in _entries(folder) if path.suffix.lower() == ".gguf" and _is(path.is_file)]
    if ggufs and not any((folder / file).is_file() for file in WEIGHTS):
        ggufs = texts_only(ggufs)
        check_split(name, ggufs[0])
        return _only(name, ggufs)
    if deep == 0 or (folder / ADAPTER).is_file():
        return None
    folders = [one for one in _entries(folder) if not one.name.startswith(".") and _is(one.is_dir)]
    inner = [one for one in folders if _is(partial(_is_model, one))]
    if not inner:
        inner = [found for one in folders if (found := _readable_below(name, one, revision, deep - 1)) is not None]
    return _only(name, inner) if inner else None


def _readable_below(name: str, folder: Path, revision: str | None, deep: int) -> Path | None:
    """The same for one of many folders, which may be one that others alone may read."""
    try:
        return _below(name, folder, revision, deep)
    except OSError:
        return None


def _only(name: str, found: list[Path]) -> Path:
    """The only one. Raises `ModelError` that names them where there are several."""
    if len(found) == 1:
        return found[0]
    places = ", ".join(str(path) for path in found[:NAMED]) + (", ..." if len(found) > NAMED else "")
    raise ModelError("folder_several", model=name, count=len(found), places=places)


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where it may not be read."""
    try:
        return sorted(islice(folder.iterdir(), MOST))
    except OSError:
        return []


def _is(asked: Callable[[], bool]) -> bool:
    """What a path says of itself; no where that may not be asked."""
    try:
        return asked()
    except OSError:
        return False


def _module(folder: Path) -> Path | None:
    """The Transformer among the modules of sentence-transformers (`modules.json`)."""
    try:
        modules = read_json(folder / "modules.json")
        paths = [str(one["path"]) for one in modules if str(one.get("type", "")).endswith("Transformer")]
        paths += [str(one["path"]) for one in modules]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    inside = (folder / path for path in paths if path and ".." not in Path(path).parts)
    return next((one for one in inside if _of_transformers(one) and one != folder), None)


def _snapshot(folder: Path, revision: str | None) -> Path | None:
    """The commit that the Hub's cache holds of one model, given its folder or `snapshots` in it: that of `revision`."""
    shelf = folder.parent if folder.name == "snapshots" else folder
    if not (shelf / "snapshots").is_dir():
        return None
    commits = [one for one in _entries(shelf / "snapshots") if one.is_dir()]
    for wanted in (revision, "main") if revision else ("main",):
        file = shelf / "refs" / wanted
        commit = file.read_text(encoding="utf-8").strip() if file.is_file() else wanted
        if found := [one for one in commits if one.name == commit]:
            return _settled(found[0])
        if revision:
            raise ModelError("hub_revision", model=shelf.name, revision=revision)
    newest = sorted(commits, key=lambda one: one.stat().st_mtime)
    return _settled(newest[-1]) if newest else None


def _settled(folder: Path) -> Path:
    """A snapshot, or what its modules point to."""
    return folder if _is_model(folder) else _module(folder) or folder


def _checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a Trainer's output that has weights."""
    numbered = ((CHECKPOINT.fullmatch(one.name), one) for one in _entries(folder) if _is(one.is_dir))
    found = [(int(match[1]), one) for match, one in numbered if match and _holds(one, (CONFIG, ADAPTER))]
    whole = [(number, one) for number, one in found if _holds(one, (*WEIGHTS, ADAPTER))]  # saving the last may fail
    return max(whole or found)[1] if found else None


def _holds(folder: Path, files: Iterable[str]) -> bool:
    return any((folder / file).is_file() for file in files)


def _refusal(name: str, folder: Path) -> ModelError:
    """Why is this no model's folder, and what is the next step?"""
    if (folder / ADAPTER).is_file():
        return adapter_alone(name, folder / ADAPTER)
    if _holds(folder, ("bert_config.json",)):
        return ModelError("folder_bert_config", model=name, place=folder)
    if _holds(folder, ("params.json",)) and any(folder.glob("consolidated.*")):
        return ModelError("folder_llama", model=name)
    if (above := next(_models_above(folder), None)) is not None:
        return ModelError("folder_above", model=name, place=above)
    return other_config(name, folder) or ModelError("folder_no_config", model=name)


def _models_above(folder: Path) -> Iterator[Path]:
    """The folders above, up to two, that hold a model."""
    return (one for one in islice(folder.absolute().parents, 2) if _of_transformers(one) or _module(one))


def stamp(name: str, revision: str | None = None) -> tuple[object, ...]:
    """What changes when the files of a local model do: their names, sizes and times. () for any other name.

    >>> stamp("lab-4")
    ()
    """
    try:
        found = find(name, revision)
    except (ModelError, OSError, ValueError):  # too long for a path, or with a zero byte in it
        return ()
    if found.folder is None:
        return ()
    files = [found.folder / found.gguf] if found.gguf else [one for one in _entries(found.folder) if one.is_file()]
    return tuple((str(one), (at := one.stat()).st_size, at.st_mtime_ns) for one in files)
