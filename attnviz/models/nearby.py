"""What lies in a folder in place of what is looked for: names a little off, halves of downloads, other forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from attnviz.errors import ModelError

MOST = 1000  # entries of a folder that are looked at
UNFINISHED = re.compile(r"\.(crdownload|part|partial|incomplete|download|aria2|tmp|!ut)$", re.I)
# A file that a browser numbered, or an editor called a text: "config (1).json", "Config.json", "config.json.txt".
CONFIG = re.compile(r"config\s*(\(\d+\)|_\d+|-\d+)?\.json(\.txt)?", re.I)
FORMS = {".onnx": "ONNX", ".npz": "MLX", ".mlmodel": "Core ML", ".tflite": "TensorFlow Lite", ".engine": "TensorRT"}
OPENVINO = "openvino_model.bin"
PART = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})\.gguf", re.I)  # as llama.cpp splits a file
PICTURES = "mmproj"  # what llama.cpp calls the part of a model that sees


def other_config(name: str, folder: Path) -> ModelError | None:
    """The refusal of a folder whose config.json has another name; None where none looks like it."""
    found = next((one for one in _files(folder) if CONFIG.fullmatch(one.name) and one.name != "config.json"), None)
    return None if found is None else ModelError("config_other_name", model=name, found=found.name)


def other_weights(name: str, folder: Path) -> ModelError | None:
    """The refusal of a folder that has weights in another form than is read; None where there are none at all."""
    files = list(chain(_files(folder), _files(folder / "onnx"), _files(folder / "openvino")))
    if found := next((one for one in files if UNFINISHED.search(one.name)), None):
        return ModelError("weights_unfinished", model=name, found=found.name)
    if (folder / "zero_to_fp32.py").is_file():
        return ModelError("weights_deepspeed", model=name, folder=folder)
    if shards := next(_parts(folder), None):
        return ModelError("weights_fsdp", model=name, folder=folder, shards=shards)
    for one in files:
        form = "OpenVINO" if one.name == OPENVINO else FORMS.get(one.suffix.lower())
        if form is not None:
            return ModelError("weights_form", model=name, found=one.relative_to(folder), form=form)
    return None


def texts_only(ggufs: Iterable[Path]) -> list[Path]:
    """Of several GGUF files those that hold a language model, not the part beside it that sees."""
    found = list(ggufs)
    return [one for one in found if PICTURES not in one.name.lower()] or found


def check_split(name: str, file: Path) -> None:
    """Raise `ModelError` for one part of a GGUF file that llama.cpp has split."""
    found = PART.fullmatch(file.name)
    if found and int(found["count"]) > 1:
        raise ModelError("gguf_split", model=name, count=int(found["count"]), file=file.name, whole=found["stem"])


def _parts(folder: Path) -> Iterator[str]:
    """The folders in which FSDP has saved a network in parts."""
    for one in _entries(folder):
        if one.is_dir() and any(inner.suffix == ".distcp" for inner in _entries(one)):
            yield one.name


def _files(folder: Path) -> list[Path]:
    return [one for one in _entries(folder) if one.is_file()]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where there is none, or it may not be read."""
    try:
        return sorted(islice(folder.iterdir(), MOST))
    except OSError:
        return []
