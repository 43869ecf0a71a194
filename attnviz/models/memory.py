"""How much memory a model or a run will take, said before it is taken; and how much there is."""

from __future__ import annotations

import json
import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from attnviz import turns
from attnviz.errors import ModelError, PictureError, SeriesError, SoundError, TextError

FLOAT32 = 4  # bytes of a number; all that a run keeps is of such
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}  # of what a model may compute in, by the names of safetensors
SPARE = 1.05  # tokenizer, buffers and the like
HEADER_MOST = 100_000_000  # bytes; the safetensors format allows no longer header
STATES = 16  # times its width: what a token takes while one layer computes, inner layer and copies with it
TABLES = 24  # bytes for each pair of tokens: the numbers of distances and buckets that a T5-like bias is made from
OWN_BIAS = ("umt5",)  # model types of which each layer has a bias of its own; T5 computes one for all
CGROUPS = Path("/sys/fs/cgroup")
# Whoever keeps what can be made again (the app's stores): asked for so many bytes, says how many it has let go of.
make_room: list[Callable[[int], int]] = []
# Each map of a model: the names under which configurations keep its layers and its heads, first found first.
STACKS = {
    "encoder": (
        ("encoder_layers", "encoder_num_hidden_layers", "num_hidden_layers"),
        ("encoder_attention_heads", "encoder_num_attention_heads", "num_attention_heads"),
    ),
    "decoder": (
        ("decoder_layers", "num_decoder_layers", "num_hidden_layers"),
        ("decoder_attention_heads", "num_attention_heads"),
    ),
}


def available(cgroups: Path = CGROUPS) -> int:
    """How many bytes can be taken? What the machine has free, or less where a container limits this program."""
    import psutil

    free = [int(psutil.virtual_memory().available), *_allowances(cgroups)]
    return max(min(free), 0)


def total(cgroups: Path = CGROUPS) -> int:
    """How many bytes may this program take when nobody else needs any? The machine's, or what a container allows."""
    import psutil

    return min([int(psutil.virtual_memory().total), *(most for most, _, _ in _limits(cgroups))])


def resident() -> int:
    """How many bytes does this program hold, whatever for?"""
    import psutil

    return int(psutil.Process().memory_info().rss)


def free_for(need: int) -> int:
    """How many bytes can be taken, once those who keep what can be made again (`make_room`) have let go of enough?

    Where many share this process, what needs much waits here for its turn (`attnviz.turns`), and may raise.
    """
    from attnviz.adapter.arena import give_back

    turns.begin(need)
    free = turns.left(available())
    for ask in make_room:
        while need > free and ask(need - free):  # what it let go of may be less than it thought, or in use elsewhere
            give_back()
            free = turns.left(available())
    return free


def forecast(config: Any, tokens: int, target: int = 0) -> int:
    """How many bytes will all weights of a run take? layers x heads x tokens x tokens x 4, for each map.

    An encoder-decoder's `target` is what it has written; its three maps are added. A model of windows pads the text to
    whole ones and computes no less. 0 for a configuration that names no layers or heads.

    >>> from types import SimpleNamespace
    >>> forecast(SimpleNamespace(num_hidden_layers=12, num_attention_heads=12), 512)
    150994944
    """
    window = _window(_text(config))
    padded = -(-tokens // window) * window if window else tokens
    pairs = padded * max(tokens, window)
    if not getattr(config, "is_encoder_decoder", False):
        return _cells(_text(config), "encoder") * pairs * FLOAT32
    encoder, decoder = _cells(config, "encoder"), _cells(config, "decoder")
    return (encoder * pairs + decoder * target * (target + tokens)) * FLOAT32


def most_tokens(config: Any, free: int) -> int:
    """How long may a text be, in tokens, so that all its weights fit into `free` bytes?"""
    return _longest(lambda tokens: forecast(config, tokens), free)


def _longest(need: Callable[[int], int], free: int) -> int:
    """The longest text that needs no more than `free` bytes, which grow with it; `free` where it needs none."""
    most = 1
    while 0 < need(most) <= free:
        most *= 2
    return bisect_right(range(most), free, key=need) - 1 if need(most) else free


def _window(config: Any) -> int:
    """The tokens of a window to whole ones of which a text is padded (Longformer's, the widest layer's); 0: none."""
    found = getattr(config, "attention_window", None)
    sizes = found if isinstance(found, list | tuple) else [found]
    return max((n for n in sizes if isinstance(n, int)), default=0)


def _bias(config: Any, tokens: int, target: int) -> int:
    """The bytes of what a T5-like model adds to its scores for each pair of tokens: made and copied, and kept.

    Measured with ByT5's shape at 3,000 tokens: 443 MB with 4 heads, 884 MB with 12; this says 504 and 1,080.
    """
    if not isinstance(getattr(config, "relative_attention_num_buckets", None), int):
        return 0
    sides = [("encoder", tokens)] + [("decoder", target)] * bool(getattr(config, "is_encoder_decoder", False))
    pairs = 0
    for side, places in sides:
        layers = _layers(config, side) if getattr(config, "model_type", None) in OWN_BIAS else 1
        heads = _first(config, STACKS[side][1])
        pairs += places * places * ((layers + 1) * heads * FLOAT32 + TABLES)
    return pairs


def recorded(config: Any, tokens: int, target: int = 0, *, predictions: bool = True) -> int:
    """How many bytes does a run take that records queries and keys in place of weights? States with them, and logits
    unless it makes no `predictions`.

    In proportion to the text: weights are made when they are asked for, in blocks (`attnviz.core.blocks`). Only a bias
    as T5 has it is there for each pair of tokens. 0 for a configuration that names no layers or heads.
    """
    text = _text(config)
    width = next((n for name in ("hidden_size", "d_model") if isinstance(n := getattr(text, name, None), int)), 0)
    per_token = 2 * _layers(text, "encoder") * width  # queries and keys
    rest = STATES * width + (getattr(text, "vocab_size", None) or 0) * predictions
    if not getattr(config, "is_encoder_decoder", False):
        return (per_token + rest) * tokens * FLOAT32 + _bias(text, tokens, 0) if per_token else 0
    own = 2 * _layers(config, "decoder") * width  # of the decoder's own map, and of the cross map once more
    plain = (per_token + own // 2 + STATES * width) * tokens + (own + own // 2 + rest) * target
    return plain * FLOAT32 + _bias(config, tokens, target)


def n_calls(config: Any) -> int:
    """How many layers of attention does a run go through? Those of an encoder-decoder's three maps together."""
    if not getattr(config, "is_encoder_decoder", False):
        return _layers(_text(config), "encoder")
    return _layers(config, "encoder") + 2 * _layers(config, "decoder")


def check_run(
    config: Any, tokens: int, target: int = 0, *, eager: bool = True, free: int | None = None, predictions: bool = True
) -> None:  # fmt: skip
    """Will this run fit? Raises `TextError` with both sizes and the length that would.

    `config` is `model.network.config`; `free` the bytes there are (measured unless given). An `eager` run holds all
    weights at once, any other queries and keys alone.
    """
    if not eager:
        need = recorded(config, tokens, target, predictions=predictions)
        free = free_for(need) if free is None else free
        if need > free:
            most = _longest(lambda count: recorded(config, count, predictions=predictions), free)
            raise TextError("run_too_long", tokens=tokens, need=gigabytes(need), free=gigabytes(free), most=most)
        return
    need = forecast(config, tokens, target)
    free = free_for(need) if free is None else free
    if need > free:
        raise TextError(
            "run_too_large", tokens=tokens, need=gigabytes(need), free=gigabytes(free), most=most_tokens(config, free)
        )


def check_picture(config: Any, places: Mapping[str, int], *, free: int | None = None) -> None:
    """Will a run over a picture fit, whose maps have so many places? Raises `PictureError` with both sizes.

    `config` is that of what looks at it. Queries and keys alone are kept; of Swin's windows, which are laid out over
    the picture, also a mask and a bias for each pair of places.
    """
    need = recorded(config, sum(places.values()), predictions=False)
    depths, heads = getattr(config, "depths", None), getattr(config, "num_heads", None)
    if depths and heads:
        sizes = zip(places.values(), depths, heads, strict=True)
        need = sum(count * count * depth * (1 + FLOAT32 * many) for count, depth, many in sizes)
        need += sum(places.values()) * max(depths) * config.hidden_size * STATES * FLOAT32
    free = free_for(need) if free is None else free
    if need > free:
        raise PictureError("picture_run_large", places=sum(places.values()), need=gigabytes(need), free=gigabytes(free))


def check_sound(config: Any, frames: int, target: int, samples: int, *, free: int | None = None) -> None:
    """Will a run over a sound fit, of so many frames, tokens written and samples? Raises `SoundError` with both sizes.

    Queries and keys alone are kept, and of WavLM the bias of each pair of frames. The first convolution over a wave
    makes it many channels wide: it, its norm and its copy stand there together.
    """
    need = recorded(config, frames, target, predictions=target > 0)
    if getattr(config, "model_type", "") == "wavlm":
        need += (_layers(config, "encoder") + 2) * _first(config, STACKS["encoder"][1]) * frames * frames * FLOAT32
    width, stride = (getattr(config, name, None) for name in ("conv_dim", "conv_stride"))
    need += 3 * samples // stride[0] * width[0] * FLOAT32 if width and stride else 0
    free = free_for(need) if free is None else free
    if need > free:
        raise SoundError("sound_run_large", frames=frames, need=gigabytes(need), free=gigabytes(free))


def check_series(config: Any, past: int, ahead: int, channels: int, *, free: int | None = None) -> None:
    """Will a run over values over time fit, of so many places on each side? Raises `SeriesError` with both sizes."""
    need = recorded(config, past, ahead, predictions=False) * channels
    free = free_for(need) if free is None else free
    if need > free:
        raise SeriesError("series_run_large", places=past + ahead, need=gigabytes(need), free=gigabytes(free))


def check_weights(model: str, need: int, *, free: int | None = None) -> None:
    """Will the weights fit, which take `need` bytes (`loading_bytes`)? Raises `ModelError` with both sizes."""
    need = int(need * SPARE)
    free = free_for(need) if free is None else free
    if need > free:
        raise ModelError("model_too_large", model=model, need=gigabytes(need), free=gigabytes(free))


def gigabytes(size: int) -> str:
    """10^9 bytes, with one decimal where that says something."""
    return f"{size / 1e9:.1f}" if size >= 1e8 else f"{size / 1e9:.3f}"


@runtime_checkable
class Reads(Protocol):
    """Whatever bytes can be read from, a few at a time."""

    def read(self, size: int, /) -> bytes: ...


def read_header(file: Reads) -> dict[str, dict[str, Any]]:
    """The tensors of a safetensors file by name, from its first bytes. Raises `ValueError` where it is none.

    https://huggingface.co/docs/safetensors: eight bytes with the length of the header, then the header in JSON.
    """
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= length <= HEADER_MOST:
        raise ValueError("it does not begin like a safetensors file")
    found = json.loads(file.read(length))
    if not isinstance(found, dict):
        raise ValueError("its header is no table of tensors")
    return {name: tensor for name, tensor in found.items() if name != "__metadata__"}


def loading_bytes(header: Mapping[str, Mapping[str, Any]], numbers: str = "F32") -> int:
    """What the tensors of a header take at most while they become `numbers` (`SIZES`), float32 unless given.

    float32 is used where it lies in the file. Others lie in memory twice for a moment, as they are and as float32
    (measured with 124 million numbers in bfloat16: 748 MB, 1.50 times their 498 MB in float32).
    """
    return sum(
        SIZES[numbers] * int(prod(tensor["shape"])) + (0 if tensor["dtype"] == numbers else _stored(tensor))
        for tensor in header.values()
    )


def _stored(tensor: Mapping[str, Any]) -> int:
    """The bytes of one tensor in its file."""
    begin, end = tensor["data_offsets"]
    return int(end) - int(begin)


def stored_bytes(header: Mapping[str, Mapping[str, Any]]) -> int:
    """What the tensors of a header take in their file."""
    return max((int(tensor["data_offsets"][1]) for tensor in header.values()), default=0)


@dataclass(frozen=True)
class Held:
    """What safetensors files hold: what they take while they are read, in bytes, how many `tensors` and how many
    `numbers` in all, and the number type of most bytes by its name there ("F32", "BF16"; "" of no tensors).

    `whole` is the type of whole numbers that all matrices are stored in, "" where one is not.
    """

    loading: int
    tensors: int
    numbers: int
    stored: str
    whole: str = ""


def held(files: Iterable[Path], numbers: str = "F32") -> Held:
    """Read the headers of safetensors files, whose weights are to become `numbers` (`SIZES`).

    Raises `ModelError` for a damaged one.
    """
    loading, sizes, types, matrices = 0, list[int](), Counter[str](), set[str]()
    for path in files:
        try:
            with path.open("rb") as file:
                header = read_header(file)
                there = path.stat().st_size - file.tell()
            if there != stored_bytes(header):
                raise ValueError(f"{there} bytes of weights instead of {stored_bytes(header)}")
            loading += loading_bytes(header, numbers)
            for tensor in header.values():
                sizes.append(int(prod(tensor["shape"])))
                types[str(tensor["dtype"])] += _stored(tensor)
                matrices |= {str(tensor["dtype"])} if len(tensor["shape"]) > 1 else set()
        except (ValueError, KeyError, TypeError, IndexError) as reason:
            raise ModelError("weights_corrupt", file=path, reason=reason) from reason
    whole = max(matrices) if matrices and all(one[0] in "IU" for one in matrices) else ""
    return Held(loading, len(sizes), sum(sizes), max(types, key=types.__getitem__, default=""), whole)


def _cells(config: Any, side: str) -> int:
    """Layers x heads of one side."""
    return _layers(config, side) * _first(config, STACKS[side][1])


def _layers(config: Any, side: str) -> int:
    """The layers of one side."""
    return _first(config, STACKS[side][0])


def _first(config: Any, names: tuple[str, ...]) -> int:
    """The first of these names under which a configuration has a number; 0 where none has."""
    found = (getattr(config, name, None) for name in names)
    return next((n for n in found if isinstance(n, int)), 0)


def _text(config: Any) -> Any:
    """The part of a configuration that is about text, where it has several."""
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def _allowances(root: Path) -> Iterable[int]:
    """What the container's groups leave."""
    for most, now, given_back in _limits(root):
        yield most - now + given_back


def _limits(root: Path) -> Iterable[tuple[int, int, int]]:
    """What the container's groups allow, what is used of it, and how much of that are pages of files, which are given
    back when memory is short; in version 2 and in version 1 of Linux' cgroups, nothing elsewhere.
    """
    for limit, used, pages in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        for folder in _groups(root):
            try:
                most, now = int((folder / limit).read_text()), int((folder / used).read_text())
                stat = dict(line.split() for line in (folder / limit).with_name("memory.stat").read_text().splitlines())
            except (OSError, ValueError):  # no such group, or "max": no limit
                continue
            yield most, now, int(stat.get(pages, 0))


def _groups(root: Path) -> Iterable[Path]:
    """The folders of this program's group and of those above it."""
    yield root
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        own = root / line.rpartition(":")[2].strip("/")
        yield from (folder for folder in (own, *own.parents) if root in folder.parents)
