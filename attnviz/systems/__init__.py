"""The families of attention beside the transformer: small trained networks, each computing its weights with `attend`.

A folder here is a system: `NAMES` in its `__init__.py` are the shipped weights that it reads, `load(name)` in its
`system.py` opens them, and what it opens keeps the promise of `protocol.System`. `network.py` holds its torch modules;
`text.py` how it cuts text, `effect.py` its experiments, where it has any. To add a system is to add a folder.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

from attnviz.errors import ModelError
from attnviz.guard import sentences
from attnviz.shipped import stated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    import torch

    from attnviz.adapter.progress import Report
    from attnviz.models import Model
    from attnviz.systems.protocol import System


@cache
def kinds() -> Mapping[str, str]:
    """Which systems come with the package? The kind of each by its name: {"han-reviews": "hierarchical", ...}."""
    folders = [one.name for one in iter_modules(__path__) if one.ispkg]
    return {name: kind for kind in folders for name in import_module(f"{__name__}.{kind}").NAMES}


def kind_of(name: str | PathLike[str]) -> str | None:
    """Which system reads this name, or this folder? None where it is one of a model, or of none.

    A folder says so in its config.json: ``"system": "series"``.

    >>> kind_of("air-beijing"), kind_of("lab-4")
    ('series', None)
    """
    if isinstance(name, str) and name in kinds():
        return kinds()[name]
    kind = stated(name).get("system")
    return kind if isinstance(kind, str) and kind in set(kinds().values()) else None


def open_system(name: str) -> System:
    """The shipped system of that name, loaded once, or that of a folder. Raises `KeyError` for what is none."""
    kind = kind_of(name)
    if kind is None:
        raise KeyError(name)
    return cast("System", import_module(f"{__name__}.{kind}.system").load(name))


@sentences
def load(
    name: str | PathLike[str], revision: str | None = None, *, progress: Report | None = None,
    device: str | torch.device | None = None, dtype: str | torch.dtype | None = None,
) -> Model | System:  # fmt: skip
    """Open a model or a system by its name: what `read` or `record` then works on.

    A built-in model ("lab-4"), a Hub id ("google-bert/bert-base-chinese"), a folder or a .gguf file gives a `Model`
    (`attnviz.models.load`), which takes `revision` and `progress`, and computes on `device` ("cpu" unless given) in
    `dtype` (float32 unless given); the name of a shipped system ("nmt-zh-en", "han-reviews", "target-words",
    "positions-rotary"), or a folder that one was saved to, gives that `System`, which computes on the CPU in float32
    alone. Raises `ModelError` with what to do when nothing of that name can be opened.

    >>> load("han-topics").read("你喜欢看电影吗？").parts
    ('words', 'sentences')
    """
    from attnviz.models import load as load_model

    if kind_of(name) is None:
        if stated(name).get("model_type") == "decision_transformer":
            from attnviz.systems.acting.folder import open_folder

            return open_folder(name)
        return load_model(name, revision, progress=progress, device=device, dtype=dtype)
    if device is not None or dtype is not None:
        _check_machine(str(name), device, dtype)
    return open_system(str(name))


def _check_machine(name: str, device: str | torch.device | None, dtype: str | torch.dtype | None) -> None:
    """Refuse a machine that is not the CPU in float32. Raises `ModelError`."""
    from attnviz.adapter.machine import Machine

    asked = Machine.of(device, dtype)
    if not asked.plain:
        raise ModelError("system_machine", model=name, machine=asked)
