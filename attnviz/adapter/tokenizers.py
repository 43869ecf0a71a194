"""What does a model's tokenizer need? Its own class in transformers says which files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnviz.adapter.checks import said_in, type_of
from attnviz.adapter.hearing.kinds import hears, writes
from attnviz.adapter.series.kinds import forecasts
from attnviz.adapter.vision.kinds import sees
from attnviz.errors import ModelError

CONFIG = "tokenizer_config.json"
WHOLE = "tokenizer.json"  # with which every class, and any other, can be read


def vocabularies(config: Mapping[str, Any], said: Mapping[str, Any]) -> frozenset[str]:
    """Of which files must one be there? None of a tokenizer that needs none, as ByT5's, which reads bytes.

    `config` is the model's config.json, `said` its tokenizer_config.json.
    """
    found = [_files(one) for one in _classes(config, said)]
    if any(not files for files in found[:1]):
        return frozenset()
    return frozenset({WHOLE}.union(*found)) - {CONFIG}


def wanted(config: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    """Which files may its tokenizer read beside those that all tokenizers have?"""
    return sorted(frozenset().union(*(_files(one) for one in _classes(config, said))) - {CONFIG})


def check_tokenizer(name: str, config: Mapping[str, Any], said: Mapping[str, Any], files: set[str]) -> None:
    """Is there a tokenizer among these files? Without one transformers would make up an empty one.

    A model that looks at pictures needs none, nor one that listens and does not write, nor one of values over time.
    """
    kind = type_of(config)
    named = str((config.get("architectures") or [""])[0])
    if sees(kind) or forecasts(kind) or (hears(kind) and not writes(kind, named)):
        return
    needed = vocabularies(config, said)
    if needed and not files & needed:
        raise ModelError("no_tokenizer", model=name, files=", ".join(sorted(needed)))


def read_said(folder: Path) -> dict[str, Any]:
    """What tokenizer_config.json of a folder says; {} where there is none that can be read."""
    return said_in(folder / CONFIG)


def needs_package(error: BaseException) -> str | None:
    """Which package does a tokenizer lack, by what its class says of it (XLM's and FSMT's want sacremoses)?"""
    if not isinstance(error, ImportError):
        return None
    from re import search

    found = search(r"pip install ([\w.-]+)", str(error)) or search(r"install(?:ed)? ([\w-]+)", str(error))
    return error.name or (found[1] if found else None)


def _classes(config: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[Any]:
    """The classes that may read the tokenizer, the named one first, then that of the model's type."""
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

    names = said.get("tokenizer_class"), config.get("tokenizer_class"), _of_type(config, TOKENIZER_MAPPING_NAMES)
    for name in names:
        if isinstance(name, str) and (found := tokenizer_class_from_name(name)) is not None:
            yield found


def _of_type(config: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """The tokenizer of a model's type, or of the type of its text where it has several parts."""
    text = config.get("text_config")
    inner = text.get("model_type") if isinstance(text, dict) else None
    return names.get(type_of(config)) or names.get(str(inner))


def _files(maker: Any) -> frozenset[str]:
    """The files that a class of tokenizers reads."""
    return frozenset((getattr(maker, "vocab_files_names", None) or {}).values())
