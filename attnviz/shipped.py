"""The trained weights that come with the package: a folder for each, in the Hub's form, read here and nowhere else.

`config.json` and `model.safetensors` make the network; `figures.json` (what a card's command measured) and
`samples.json` (held-out texts that a page offers) may lie beside them, README.md is the card.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attnviz import doors
from attnviz.errors import ModelError, first_line

if TYPE_CHECKING:
    from torch import Tensor

MOST_STATED = 2**24  # bytes of a config.json
WEIGHTS = Path(__file__).with_name("weights")
SUMS = "SHA256SUMS"  # of all weights that come with the package, for `sha256sum -c` too
FRONT_MATTER = re.compile(r"\s*---[\r\n]+(.*?)[\r\n]+---(?:[\r\n]|$)", re.DOTALL)  # as huggingface_hub finds it


def has(name: str) -> bool:
    """Is this the name of shipped weights?"""
    try:
        return Path(name).name == name and (WEIGHTS / name / "config.json").is_file()
    except (OSError, ValueError):  # too long for a path
        return False


def folder(name: str) -> Path:
    """Where a name points: the folder of shipped weights, or the name itself as a path."""
    if has(name):
        return WEIGHTS / name
    doors.check("path", name)
    return Path(name)


def config(place: Path) -> dict[str, Any]:
    """What does config.json of a folder say? Raises `ModelError` where there is none, or none that can be read."""
    if not place.is_dir():
        raise ModelError("folder_missing", model=place)
    if not (place / "config.json").is_file():
        raise ModelError("folder_no_config", model=place)
    return _table(place, "config.json")


def stated(name: object) -> dict[str, Any]:
    """What the config.json of a folder says; {} where `name` is no folder with one that can be read.

    No pipe is waited for, and no file read that is far larger than any such.
    """
    try:
        doors.check("path", cast("str", name))
        said = json.loads(_text(Path(cast("str", name)) / "config.json"))
    except Exception:  # a name may be anything, and so may what it does when it is asked for a path
        return {}
    return said if isinstance(said, dict) else {}


def recipe(place: Path) -> dict[str, Any]:
    """How were the weights of a folder trained? Raises `ModelError` where recipe.json cannot be read."""
    return _table(place, "recipe.json")


def check(place: Path) -> None:
    """Are the weights of a folder that comes with the package those that came? Raises `ModelError` where not.

    Each file is read once while the program runs, a second for 500 MB. A folder from elsewhere has no sums to hold.
    """
    if place.parent != WEIGHTS or not (WEIGHTS / SUMS).is_file():
        return
    for file, expected in _sums(WEIGHTS / SUMS).items():
        if file.startswith(f"{place.name}/") and _sum(WEIGHTS / file) != expected:
            raise ModelError("shipped_damaged", model=place.name)


def sums() -> str:
    """The sums of all shipped weights as `sha256sum` writes them: `python -m attnviz.shipped` makes the file anew."""
    files = sorted(file.relative_to(WEIGHTS).as_posix() for file in WEIGHTS.glob("*/**/*.safetensors"))
    return "".join(f"{_sum(WEIGHTS / file)}  {file}\n" for file in files)


def _sum(file: Path) -> str:
    """The SHA-256 of a file; "" where there is none."""
    if not file.is_file():
        return ""
    told = file.stat()
    return _sum_of(file, told.st_mtime_ns, told.st_size)


@cache
def _sum_of(file: Path, *_: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@cache
def _sums(file: Path) -> dict[str, str]:
    lines = (line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines())
    return {name: said for said, name in lines}


def tensors(place: Path) -> dict[str, Tensor]:
    """The weights of a folder, real numbers in float32. Raises `ModelError` where they cannot be read, are not those
    that came with the package, or hold NaN or infinity.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = place / "model.safetensors"
    if not file.is_file():  # nor a pipe, which would be waited for
        raise ModelError("no_weights", model=place)
    check(place)
    try:
        found = load_file(file)
    except (OSError, SafetensorError) as reason:
        raise ModelError("weights_corrupt", file=file, reason=reason) from reason
    check_finite(place.name, found.items())
    return {name: one.float() if one.is_floating_point() else one for name, one in found.items()}


@cache
def figures(name: str) -> dict[str, Any]:
    """What did a card's command measure? {} where nothing was measured. Raises `ModelError` for a damaged file."""
    return _table(folder(name), "figures.json") if (folder(name) / "figures.json").is_file() else {}


@cache
def samples(name: str) -> tuple[dict[str, Any], ...]:
    """Held-out texts with what is known of them; none where none are kept. Raises `ModelError` for a damaged file."""
    if not (folder(name) / "samples.json").is_file():
        return ()
    return tuple(_read(folder(name), "samples.json"))


@cache
def word_counts(name: str) -> dict[str, int]:
    """How often did each word stand in the training text (`words.json`)? {} where none are kept."""
    return _table(folder(name), "words.json") if (folder(name) / "words.json").is_file() else {}


def licence(place: Path) -> str | None:
    """The licence that a folder's card names; None without a card, or where it cannot be read."""
    named = card(place).get("license")
    return named if isinstance(named, str) else None


def card(place: Path) -> dict[str, Any]:
    """What does a folder's card say of itself, in the Hub's form? {} without a card, or where it cannot be read."""
    try:
        found = FRONT_MATTER.match(_text(place / "README.md"))
    except (OSError, ValueError):
        return {}
    return dict(_of_front(found[1])) if found else {}


@lru_cache(maxsize=32)  # a quarter of the time in which a small model is loaded, and most are loaded again and again
def _of_front(matter: str) -> dict[str, Any]:
    import yaml

    try:
        said = yaml.safe_load(matter)
    except (ValueError, yaml.YAMLError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def check_finite(name: str, weights: Iterable[tuple[str, Tensor]]) -> None:
    """Are all weights of a network numbers? Raises `ModelError` with the first that hold NaN or infinity.

    A run does not always tell: of queries that are none PyTorch makes an output of zeros, and all after it is a number.
    """
    for weight, one in weights:
        if one.is_floating_point() and one.numel() and not one.is_meta and not _finite(one):
            raise ModelError("weights_hold_nan", model=name, weight=weight)


def _finite(tensor: Tensor) -> bool:
    """Is there neither NaN nor infinity? The smallest and the largest tell, without a mask as large as the tensor."""
    low, high = tensor.detach().aminmax()
    return bool(low.isfinite() and high.isfinite())


@contextmanager
def damaged(place: Path) -> Iterator[None]:
    """Within, what goes wrong because files do not fit each other is a `ModelError` with the reason."""
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as reason:
        raise ModelError("model_not_loaded", model=place.name, reason=first_line(reason)) from reason


def _table(place: Path, file: str) -> dict[str, Any]:
    found = _read(place, file)
    if not isinstance(found, dict):
        raise ModelError("file_unreadable", model=place.name, file=file, reason=f"it holds a {type(found).__name__}")
    return found


def _read(place: Path, file: str) -> Any:
    """The content of a JSON file. Raises `ModelError` where it cannot be read: broken JSON, broken UTF-8, no file."""
    try:
        return json.loads(_text(place / file))
    except (OSError, ValueError, RecursionError) as reason:
        raise ModelError("file_unreadable", model=place.name, file=file, reason=first_line(reason)) from reason


def _text(file: Path) -> str:
    """The text of a file. Raises `OSError` for a pipe, which would be waited for, and for one beyond `MOST_STATED`."""
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file.name}")
    if file.stat().st_size > MOST_STATED:
        raise OSError(f"it has {file.stat().st_size / 1e6:.0f} MB")
    return file.read_text(encoding="utf-8")


if __name__ == "__main__":
    (WEIGHTS / SUMS).write_text(sums(), encoding="utf-8")
