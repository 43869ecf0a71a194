"""What can be wrong with one file of a folder. Each is a function of the folder's copy, named as the inputs say it."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.fuzz import folders

Damage = Callable[[Path], None]


def put(path: Path, content: bytes) -> None:
    """A new file in place of the linked one, whose bytes are other folders' too."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def cut(file: str, share: float) -> Damage:
    """Only the first part of it is there."""

    def do(folder: Path) -> None:
        content = _content(folder / file)
        put(folder / file, content[: int(len(content) * share)])

    return do


def removed(file: str) -> Damage:
    """It is not there."""
    return lambda folder: (folder / file).unlink(missing_ok=True)


def swapped(file: str, other: str, its: str) -> Damage:
    """It is another type's file."""
    return lambda folder: put(folder / file, (folders.whole(other) / its).read_bytes())


def junk(file: str, content: bytes) -> Damage:
    """It holds something else."""
    return lambda folder: put(folder / file, content)


def flipped(file: str, share: float, mask: int) -> Damage:
    """One byte of it is another."""

    def do(folder: Path) -> None:
        content = bytearray(_content(folder / file))
        if content:
            content[min(int(len(content) * share), len(content) - 1)] ^= mask
        put(folder / file, bytes(content))

    return do


def nested(file: str, depth: int, key: str = "") -> Damage:
    """Its JSON is deeply nested, throughout or under one key."""
    deep = "[" * depth + "]" * depth

    def do(folder: Path) -> None:
        said = _said(folder / file)
        rest = json.dumps(said)[1:] if key and isinstance(said, dict) and said else ""
        put(folder / file, (f"{{{json.dumps(key)}: {deep}, {rest}" if rest else deep).encode())

    return do


def edited(file: str, place: int, value: Any) -> Damage:
    """One value of its JSON is another; `place` counts all values, those within others too."""

    def do(folder: Path) -> None:
        said = _said(folder / file)
        ways = list(_ways(said))
        if ways:
            *above, last = ways[place % len(ways)]
            inner = said
            for step in above:
                inner = inner[step]
            inner[last] = value
        put(folder / file, json.dumps(said).encode())

    return do


def said(file: str, key: str, value: Any) -> Damage:
    """A key of its JSON has this value, whether or not it was there."""

    def do(folder: Path) -> None:
        found = _said(folder / file)
        put(folder / file, json.dumps(found | {key: value} if isinstance(found, dict) else {key: value}).encode())

    return do


def grown(file: str, size: int) -> Damage:
    """It is as large as `size`, zeros at its end that take no room on the disk."""

    def do(folder: Path) -> None:
        if (folder / file).stat().st_nlink > 1:
            put(folder / file, (folder / file).read_bytes())
        os.truncate(folder / file, size)

    return do


def replaced(file: str, by: str) -> Damage:
    """It is no file: a folder, a link to itself, a link to nothing, a pipe that nobody writes into."""

    def do(folder: Path) -> None:
        path = folder / file
        path.unlink(missing_ok=True)
        if by == "folder":
            path.mkdir()
        elif by == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(path.name if by == "loop" else "nothing")

    return do


def tensor(file: str, place: int, what: str) -> Damage:
    """One tensor of its weights is missing, of another shape or type, or not of numbers."""

    def do(folder: Path) -> None:
        found = load_file(folder / file)
        name = sorted(found)[place % len(found)]
        old = found.pop(name)
        changed = {
            "wide": lambda: torch.cat([old, old]), "flat": old.flatten, "scalar": lambda: torch.tensor(1.0),
            "none": lambda: old[:0], "nan": lambda: old * torch.nan, "large": lambda: old * 1e30,
            "whole": old.long, "half": old.half, "bool": old.bool, "double": old.double,
        }  # fmt: skip
        if what in changed:
            found[name] = changed[what]()
        (folder / file).unlink()
        save_file(found, folder / file, {"format": "pt"})

    return do


def header(file: str, place: int, key: str, value: Any) -> Damage:
    """The table at the beginning of its weights says something else of one tensor."""

    def do(folder: Path) -> None:
        content = _content(folder / file)
        end = 8 + struct.unpack("<Q", content[:8])[0]
        table = json.loads(content[8:end])
        name = sorted(set(table) - {"__metadata__"})[place % (len(table) - 1)]
        table[name][key] = value
        new = json.dumps(table).encode()
        put(folder / file, struct.pack("<Q", len(new)) + new + content[end:])

    return do


def _content(path: Path) -> bytes:
    """The bytes of a file. Raises `ValueError` for one that an earlier damage has made huge, or a pipe."""
    if not path.is_file() or path.stat().st_size > 10**7:
        raise ValueError(f"{path.name} is not to be read")
    return path.read_bytes()


def _said(path: Path) -> Any:
    """The JSON of a file; {} where an earlier damage left none."""
    try:
        return json.loads(_content(path))
    except (ValueError, OSError, RecursionError):
        return {}


def _ways(said: Any, above: tuple[Any, ...] = ()) -> Any:
    """The way to each value of a JSON, the outer ones first; of long lists and tables the first few alone."""
    steps = list(said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ())[:40]
    for step, _ in steps:
        yield (*above, step)
    for step, inner in steps:
        yield from _ways(inner, (*above, step))
