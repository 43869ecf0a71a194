"""A model's folder as transformers can read it: what editors and older programs write otherwise is put right in a copy.

Files of the copy are links to those of the folder, but for the few that are written anew; the folder stays as it is.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attnviz.adapter.checks import READ_WHOLE, read_json

TEXTS = READ_WHOLE - {".model", ".spm"}
# What Windows' editors and PowerShell put before a text, the longer first: UTF-32's begins like UTF-16's.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
TUPLES = ("return_dict", "torchscript")
Settings = dict[str, Any]


@contextmanager
def tidied(folder: Path) -> Iterator[Path]:
    """The folder where transformers can read all of it, else a copy in which what it cannot read is put right."""
    anew = {**_texts(folder), **_settings(folder)}
    if not anew:
        yield folder
        return
    place = Path(tempfile.mkdtemp(prefix="attnviz-"))
    try:
        for one in folder.iterdir():
            if one.name not in anew and one.is_file():
                _link(one.absolute(), place / one.name)
        for name, text in anew.items():
            (place / name).write_text(text, encoding="utf-8", newline="")
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)  # Windows keeps a file that is mapped into memory


def _link(file: Path, place: Path) -> None:
    """The same file in another place; a copy where a file system has no links."""
    for way in (os.symlink, os.link):
        try:
            way(file, place)
            return
        except OSError:
            continue
    shutil.copyfile(file, place)


def _texts(folder: Path) -> dict[str, str]:
    """The texts that begin with a byte order mark, without it."""
    found = {}
    for one in folder.iterdir():
        if one.suffix in TEXTS and one.is_file() and (encoding := _marked(one)):
            try:
                found[one.name] = one.read_bytes().decode(encoding)
            except UnicodeDecodeError:  # damaged, which is said by who reads it
                continue
    return found


def _marked(file: Path) -> str | None:
    """The encoding that the first bytes of a file name."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(4)
    except OSError:
        return None
    return next((encoding for mark, encoding in MARKS.items() if begin.startswith(mark)), None)


def _settings(folder: Path) -> dict[str, str]:
    """The settings with a value that says nothing, or says it in an older way, without it."""
    found = {}
    for name, way in WAYS.items():
        try:
            said = read_json(folder / name)
        except (OSError, ValueError):
            continue
        if isinstance(said, dict) and (better := way(said)) != said:
            found[name] = json.dumps(better, ensure_ascii=False)
    return found


def _config(said: Settings) -> Settings:
    """Without number types that there are not ("auto") and an empty note on quantisation, labels in a list as a table;
    without the wish for tuples as results, which transformers' own classes no longer read from one another.
    """
    found = {
        name: _config(value) if name.endswith("_config") and isinstance(value, dict) else value
        for name, value in said.items()
        if name not in TUPLES and (name not in ("dtype", "torch_dtype") or _is_type(value))
    }
    if not found.get("quantization_config", True):
        del found["quantization_config"]
    if isinstance(labels := found.get("id2label"), list):
        found["id2label"] = {str(number): str(label) for number, label in enumerate(labels)}
    classes = found.get("architectures")
    if isinstance(classes, list) and not all(isinstance(one, str) for one in classes):
        del found["architectures"]
    return found


def _index(said: Settings) -> Settings:
    """An index of weights that other programs have written may say nothing of itself."""
    return said if "metadata" in said else {**said, "metadata": {}}


def _is_type(value: object) -> bool:
    """Is it one of PyTorch's number types, by its name, or none?"""
    import torch

    name = value.removeprefix("torch.") if isinstance(value, str) else ""
    return value is None or isinstance(value, dict) or isinstance(getattr(torch, name or "-", None), torch.dtype)


def _tokenizer(said: Settings) -> Settings:
    """A longest text that is no number."""
    most = said.get("model_max_length")
    if most is None or isinstance(most, int | float):
        return said
    rest = {name: value for name, value in said.items() if name != "model_max_length"}
    return rest | ({"model_max_length": int(most)} if isinstance(most, str) and most.isdecimal() else {})


WAYS: Mapping[str, Callable[[Settings], Settings]] = {
    "config.json": _config, "tokenizer_config.json": _tokenizer, "model.safetensors.index.json": _index,
}  # fmt: skip
