"""What lies in a folder of this machine, as far as models are looked for: folders and GGUF files, nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from attnviz import doors
from attnviz.errors import ModelError
from attnviz.models.place import CONFIG

LOOKED = 20_000  # entries of a folder that are read
MOST = 1_000  # that are listed
INSIDE = 200  # entries of a folder in it that are looked at for a GGUF file
GGUF = ".gguf"


@dataclass(frozen=True)
class Entry:
    """A folder, or a GGUF `file`; `model`: one may be opened there."""

    name: str
    model: bool
    file: bool = False


@dataclass(frozen=True)
class Listing:
    """What lies in a folder, by name, hidden ones last; how many more there are (at least), and whether it is a model's
    folder itself.
    """

    folder: Path
    entries: tuple[Entry, ...]
    more: int
    model: bool


def listing(folder: str | Path) -> Listing:
    """The folders and GGUF files of a folder. Raises `ModelError` for one that is not there or may not be read."""
    doors.check("path", folder)
    place = Path(folder)
    try:
        with os.scandir(place) as inside:
            found = [one for one in islice(inside, LOOKED) if _shown(one)]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError("browse_gone", folder=place) from error
    except OSError as error:
        raise ModelError("browse_unreadable", folder=place) from error
    found.sort(key=lambda one: (one.name.startswith("."), _natural(one.name)))
    entries = tuple(_entry(one) for one in found[:MOST])
    return Listing(place, entries, max(0, len(found) - MOST), _is_model(place))


def inside(folder: Path, name: str) -> Path:
    """A folder of a folder; where a link leads back to one above, that one.

    A path that grew by a link to itself would grow for ever.
    """
    place = folder / name
    try:
        real, here = place.resolve(), folder.resolve()
    except (OSError, RuntimeError):
        return folder
    return real if real == here or real in here.parents else place


def home() -> Path:
    """The home of the user that the app runs as; the top of all folders for one without."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(Path.cwd().anchor)


def start() -> Path:
    """Where looking begins: where the app was started, or at home where that is the app's own folder or gone."""
    try:
        here = Path.cwd()
        return home() if (here / "app.py").is_file() else here
    except OSError:
        return home()


def _shown(one: os.DirEntry[str]) -> bool:
    """Is it a folder or a GGUF file? A link that leads nowhere, or to itself, is neither."""
    try:
        one.name.encode()  # bytes that are no text cannot be sent to a browser, nor typed
    except UnicodeEncodeError:
        return False
    try:
        return one.is_dir() or (one.name.lower().endswith(GGUF) and one.is_file())
    except OSError:
        return False


def _entry(one: os.DirEntry[str]) -> Entry:
    file = one.name.lower().endswith(GGUF) and one.is_file()
    return Entry(one.name, file or _is_model(Path(one.path)), file)


def _is_model(folder: Path) -> bool:
    """Does it hold what `load` would look at first?"""
    try:
        return (folder / CONFIG).is_file() or any(name.lower().endswith(GGUF) for name in _names(folder))
    except OSError:  # one that may not be read
        return False


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as inside:
        yield from (one.name for one in islice(inside, INSIDE))


def _natural(name: str) -> list[tuple[int, str]]:
    """checkpoint-9 stands before checkpoint-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.casefold())]
