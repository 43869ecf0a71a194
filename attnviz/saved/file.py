"""Objects in files of safetensors: written whole or not at all, read with every byte checked."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from attnviz.errors import AttnvizError, first_line
from attnviz.saved.plain import Reader, Writer, kinds_with

FORMAT = "attnviz trace 1"
# Everything that can be wrong with what a file says, from a field that is missing to a list nested too deep.
WRONG = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, RuntimeError)


def write(found: object, file: Path, kinds: Sequence[type]) -> None:
    """Write an object of these kinds and of those that everybody may have (`plain.KINDS`).

    Raises `AttnvizError` for one of another kind, and where the file cannot be written.
    """
    writer = Writer(kinds_with(kinds))
    said = writer.plain(found)
    stored: dict[str, Tensor] = {}
    taken: set[int] = set()
    for number, tensor in enumerate(writer.tensors):
        stored[str(number)] = _alone(tensor, taken)
        taken.add(stored[str(number)].data_ptr())
    sums = [_sum(stored[str(number)]) for number in range(len(stored))]
    text = json.dumps({"trace": said, "shared": writer.shared, "sums": sums}, allow_nan=False)
    try:
        with replacing(file) as beside:
            save_file(stored, beside, {"format": FORMAT, "text": text})
    except (OSError, SafetensorError) as reason:
        raise AttnvizError("file_not_written", file=file, reason=first_line(reason)) from reason


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Where to write what becomes `file` once all of it is there; a full disk leaves what was there before.

    Where a link leads is replaced, not the link; what is no regular file (a pipe, /dev/stdout) is written into. Raises
    `OSError`.
    """
    if file.exists() and not file.is_file():
        yield file
        return
    file = Path(os.path.realpath(file))
    beside = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def read(file: Path, kinds: Sequence[type], fits: Callable[[Any], bool]) -> Any:
    """The object that was written, of these kinds and those that everybody may have (`plain.KINDS`).

    `fits` says whether its parts go together. Raises `AttnvizError` for a file that is not there, is none of these, or
    was damaged.
    """
    if not file.is_file():
        raise AttnvizError("trace_no_file", file=file.name)
    try:
        found = _read(*_halves(file), kinds)
        if not fits(found):
            raise ValueError("the parts do not go together")
    except (SafetensorError, OSError) as error:
        raise AttnvizError("trace_not_one" if _is_other(file) else "trace_damaged", file=file.name) from error
    except WRONG as error:
        raise AttnvizError("trace_damaged", file=file.name) from error
    return found


def _halves(file: Path) -> tuple[str, list[Tensor]]:
    """What a file says, and its tensors, copied out of it."""
    with safe_open(file, "pt") as opened:
        said = opened.metadata() or {}
        if said.get("format") != FORMAT:
            raise AttnvizError("trace_not_one", file=file.name)
        numbers = sorted(map(int, opened.keys()))
        return said["text"], [opened.get_tensor(str(number)).clone() for number in numbers]


def _read(text: str, stored: Sequence[Tensor], kinds: Sequence[type]) -> Any:
    """The object from the two halves of a file."""
    said, reader = json.loads(text), Reader(kinds_with(kinds), stored)
    if said["sums"] != [_sum(one) for one in stored]:
        raise ValueError("the numbers are not those that were written")
    for one in said["shared"]:
        reader.shared.append(reader.object(one))
    return reader.object(said["trace"])


def _is_other(file: Path) -> bool:
    """Is a file that safetensors cannot read no file of safetensors at all? These begin with a length and a brace."""
    with file.open("rb") as opened:
        return opened.read(9)[8:] not in (b"", b"{")


def _alone(tensor: Tensor, taken: set[int]) -> Tensor:
    """A tensor that has storage of its own, row after row, at another address than these."""
    tensor = tensor.cpu().contiguous()
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes and tensor.data_ptr() not in taken
    return tensor if whole else tensor.clone()


def _sum(tensor: Tensor) -> int:
    """A checksum of the tensor's bytes, shape and number type."""
    start = zlib.crc32(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    if not tensor.numel():
        return start
    data: Any = tensor.reshape(-1).view(torch.uint8).numpy()
    return zlib.crc32(data, start)
