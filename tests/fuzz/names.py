"""The names that an input may use: what the library has, tiny models, damaged folders, and things of odd kinds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import attnviz as av
from attnviz.core import masks
from attnviz.text.tokens import Encoded
from tests.fuzz import damage, folders

PLAIN = "the cat sat 南京市"
_MADE: list[Path] = []


@cache
def model(name: str) -> Any:
    """A model, opened once: a built-in one, a system, or a tiny one of a type."""
    return av.load(name if name not in folders.ALL else str(folders.whole(name)))


def folder(name: str, *damages: damage.Damage) -> str:
    """The path of a copy of a type's folder, with something wrong in it."""
    place = folders.copied(name)
    _MADE.append(place)
    for one in damages:
        with suppress(Exception):  # an earlier damage left nothing that this one could be done to
            one(place)
    return str(place)


def opened(path: str) -> Any:
    """What comes of a folder: loaded, read, and written on where it can be."""
    found = av.load(path)
    trace = look(av.record(found, PLAIN, target="the cat" if found.kind == "seq2seq" else None))
    if found.kind not in ("causal", "seq2seq"):
        return trace
    return look(av.generate(found, PLAIN, most=3))


def look(trace: Any) -> Any:
    """What every page asks of a trace, for each of its maps: its weights, labels, predictions, size."""
    for one in trace if isinstance(trace, list) else [trace]:
        for part in one.parts:
            seen = one.map(part)
            for layer in seen.open_layers[:2]:
                weights = seen.weights(layer)
                assert weights.shape[-2:] == (len(seen.tokens), len(seen.key_tokens))
                assert not bool(weights.isnan().any()), "a weight is NaN"
            if seen.logits is not None:
                seen.predictions(0)
        assert repr(one) and one.nbytes >= 0
    return trace


def encoded(name: str, text: str = PLAIN, **fields: Any) -> Encoded:
    """A text as another model reads it, with some of its fields changed."""
    from dataclasses import replace

    found = av.record(model(name), text).encoded
    return replace(found, **fields) if fields else found


def ids(*numbers: Any) -> Encoded:
    """A text of these ids."""
    count = len(numbers)
    return Encoded(
        "x" * count, numbers, ("x",) * count, tuple((n, n + 1) for n in range(count)), (False,) * count, None
    )


class Odd:
    """A thing that fails whatever one asks of it."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)

    def __len__(self) -> int:
        raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Odd()"

    def __index__(self) -> int:
        raise BufferError

    def __fspath__(self) -> str:
        raise EOFError


NAMES: dict[str, Any] = {
    "av": av, "np": np, "torch": torch, "nan": float("nan"), "inf": float("inf"), "Path": Path, "masks": masks,
    "model": model, "folder": folder, "opened": opened, "encoded": encoded, "ids": ids, "Odd": Odd, "look": look,
    **{name: getattr(damage, name) for name in (
        "cut", "removed", "swapped", "junk", "flipped", "nested", "edited", "said", "grown", "replaced", "tensor",
        "header",
    )},
}  # fmt: skip


@contextmanager
def tidied() -> Iterator[None]:
    """Within, copies may be made; they are removed at the end."""
    try:
        yield
    finally:
        while _MADE:
            shutil.rmtree(_MADE.pop(), ignore_errors=True)


def again(code: str) -> Any:
    """What one input brings: evaluate it."""
    with tidied():
        return eval(code, dict(NAMES))
