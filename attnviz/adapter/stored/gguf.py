"""GGUF files: what they need, and how much memory they take."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from attnviz.errors import ModelError

EXTRAS = ("accelerate==1.15.0", "gguf==0.19.0")  # what transformers reads GGUF with; requirements-dev.txt tests them
MAGIC = b"GGUF"
FLOAT32 = 4  # bytes of a number
BEHIND = 2**20  # bytes behind the last tensor; files fill up to a multiple of 32


def gguf_file(file: str, name: str) -> Path:
    """The path of what begins as a GGUF file, on a machine that has what reads one. Raises `ModelError` for no such."""
    path = Path(file).expanduser()
    if not path.is_file():
        raise ModelError("folder_missing", model=name)
    with path.open("rb") as opened:
        start = opened.read(len(MAGIC))
    if start != MAGIC:
        raise ModelError("gguf_unreadable", model=name, reason=f"{start!r}")
    missing = [extra for extra in EXTRAS if find_spec(extra.split("==")[0]) is None]
    if missing:
        raise ModelError("gguf_needs", packages=" ".join(missing))
    return path.absolute()


def check_gguf(path: Path, name: str) -> int:
    """How many bytes does a `gguf_file` take once it is loaded, which is mapped whole to be read?

    Its weights are unpacked to float32 beside the file, which takes up to nine times its size (measured with Q8_0:
    656 MB for 122 million numbers, which are 489 MB in float32 and a file of 130 MB). Raises `ModelError` with what to
    do where it is not whole, or of a kind that transformers does not unpack.
    """
    from gguf import GGUFReader
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    try:
        reader = GGUFReader(path)
        kind = str(reader.fields["general.architecture"].contents())
        numbers = sum(int(tensor.n_elements) for tensor in reader.tensors)
        behind = path.stat().st_size - max(int(tensor.data_offset + tensor.n_bytes) for tensor in reader.tensors)
        if behind > BEHIND:
            raise ValueError(f"{behind:,} bytes behind the last tensor")
    except (ValueError, KeyError, IndexError, OverflowError) as reason:
        raise ModelError("gguf_unreadable", model=name, reason=str(reason)[:120]) from reason
    if kind.replace("-", "_") not in {one.replace("-", "_") for one in GGUF_SUPPORTED_ARCHITECTURES}:
        raise ModelError("gguf_kind", model=name, type=kind)
    return numbers * FLOAT32 + path.stat().st_size
