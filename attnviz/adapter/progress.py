"""How far a model is on its way here: fetched by us, or read by transformers; told to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progress:
    """How far is it? `done` of `total` bytes, of all files together; `file` is fetched or read just now."""

    name: str
    file: str
    done: int
    total: int


Report = Callable[[Progress], object]


@dataclass(frozen=True)
class _Wait:
    """Somebody who waits for a file of `size` bytes."""

    name: str
    file: str
    size: int
    report: Report


CLASSES = (
    "AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForMaskedLM", "AutoModelForSeq2SeqLM", "AutoTokenizer",
    "AutoImageProcessor", "LlamaForCausalLM", "MistralForCausalLM", "ModernBertForMaskedLM",
    "ViTForImageClassification", "ViTImageProcessorPil", "AutoModelForObjectDetection",
    "ConditionalDetrImageProcessorPil", "ResNetBackbone", "DabDetrForObjectDetection",
)  # fmt: skip


def import_classes() -> None:
    """Import of transformers what the models that come with the project take; else it comes at the first look."""
    import transformers

    for name in CLASSES:
        getattr(transformers, name)


_WAIT: ContextVar[_Wait | None] = ContextVar("attnviz_wait", default=None)


@contextmanager
def reported(name: str, file: str, size: int, report: Report | None) -> Iterator[None]:
    """Within, `report` hears how far the reading of weights is: the share of the tensors, in bytes of the file."""
    _watch(gguf=file.endswith(".gguf"))
    token = _WAIT.set(None if report is None else _Wait(name, file, size, report))
    try:
        if report is not None:
            report(Progress(name, file, 0, size))
        yield
        if report is not None:
            report(Progress(name, file, size, size))
    finally:
        _WAIT.reset(token)


def _watch(gguf: bool) -> None:
    """Let transformers' loops over tensors pass by here. Who waits is known by the context, not by the loop."""
    from transformers.utils import logging

    logging.set_tqdm_hook(_bar)
    if gguf:
        from transformers import modeling_gguf_pytorch_utils as module

        vars(module)["tqdm"] = _gguf_bar


def _gguf_bar(*args: Any, **kwargs: Any) -> Any:
    """Stands in the place of tqdm in transformers' module for GGUF."""
    from tqdm.auto import tqdm

    return _bar(tqdm, args, kwargs)


def _bar(make: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A loop that reports to the one who waits; the loop's own bar where nobody does."""
    wait = _WAIT.get()
    if wait is None or not args or not hasattr(args[0], "__len__"):
        return make(*args, **kwargs)
    return _told(wait, args[0])


def _told(wait: _Wait, items: Any) -> Iterator[Any]:
    """The items one by one, and after every hundredth part of them a report."""
    every = max(len(items) // 100, 1)
    for number, item in enumerate(items):
        yield item
        if (number + 1) % every == 0:
            wait.report(Progress(wait.name, wait.file, wait.size * (number + 1) // len(items), wait.size))
