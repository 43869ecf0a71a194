"""Models that are refused by their config.json alone, before any weights are fetched or read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

from attnviz.adapter.hearing.kinds import hears
from attnviz.adapter.series.kinds import CORRELATES, forecasts
from attnviz.adapter.vision.kinds import SAMPLED, sees
from attnviz.errors import ModelError, first_line

MOST_BYTES = 200_000_000  # of a file beside the weights; the largest known is a tokenizer.json of 35 MB
READ_WHOLE = frozenset({".json", ".txt", ".model", ".spm", ".bpe", ".jinja", ".md"})
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # as peft saves an adapter


def read_json(file: Path) -> Any:
    """What a JSON file says. Raises `OSError` or `ValueError` where it is none that can be read.

    A pipe, which would be waited for; one larger than any that a model has; one nested more deeply than Python reads.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file.name}")
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ValueError(f"it has {size / 1e6:.0f} MB")
    try:
        return json.loads(file.read_bytes())  # in UTF-8 or, with a mark that says so, UTF-16 or UTF-32
    except RecursionError as reason:
        raise ValueError("it is nested too deeply") from reason


def said_in(file: Path) -> dict[str, Any]:
    """What a JSON file says; {} where there is none, or none that can be read."""
    try:
        found = read_json(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_config(name: str, folder: Path) -> dict[str, Any]:
    """What does config.json of `folder` say? Raises `ModelError` where it cannot be read."""
    try:
        found = read_json(folder / "config.json")
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}")
    except (OSError, ValueError) as reason:  # broken JSON and broken UTF-8 alike
        raise ModelError("config_unreadable", model=name, reason=first_line(reason)) from reason
    return found


def check_files(name: str, folder: Path) -> None:
    """Are the files beside the weights such as a model may have? transformers reads each of them whole.

    Raises `ModelError` for a pipe or the like, and for one larger than any that a model has.
    """
    for path in folder.iterdir():
        if not path.exists() or path.is_dir():
            continue
        if not path.is_file():
            raise ModelError("file_strange", model=name, file=path.name)
        if path.suffix in READ_WHOLE and (size := path.stat().st_size) > MOST_BYTES:
            raise ModelError("file_large", model=name, file=path.name, size=round(size / 1e6), most=MOST_BYTES // 10**6)


def check_config(name: str, config: dict[str, Any]) -> None:
    """Can a model with this configuration be read? Raises `ModelError` with the reason and what to do.

    No code that comes with a model is ever run: a model that cannot do without it is refused.
    """
    from transformers import CONFIG_MAPPING

    kind = type_of(config)
    if not kind:
        raise ModelError("not_transformers", model=name)
    if kind not in CONFIG_MAPPING:
        if config.get("auto_map"):
            raise ModelError("needs_code", model=name, type=kind)
        raise ModelError("type_unknown", model=name, type=kind)
    if said := config.get("quantization_config"):
        method = said.get("quant_method", "?") if isinstance(said, dict) else said
        raise ModelError("quantised", model=name, method=method)
    if kind in SAMPLED:
        raise ModelError("detector_samples", model=name, type=kind)
    if kind in CORRELATES:
        raise ModelError("series_correlates", model=name, type=kind)
    if kind == "decision_transformer":
        raise ModelError("acting_reads_arrays", model=name)
    if not (sees(kind) or hears(kind) or forecasts(kind) or _reads_text(kind)):
        raise ModelError("not_text", model=name, type=kind)


def type_of(config: Mapping[str, Any]) -> str:
    """Which type of model is it? That which config.json names; where it has none, that of the class that it names."""
    import transformers

    if "model_type" in config:
        named = config["model_type"]
        return named if isinstance(named, str) else ""
    classes = config.get("architectures")
    name = classes[0] if isinstance(classes, list) and classes else None
    found = getattr(transformers, name, None) if isinstance(name, str) else None
    return str(getattr(getattr(found, "config_class", None), "model_type", ""))


def _reads_text(model_type: str) -> bool:
    """Does a model of this type take token ids, and nothing but them?"""
    from transformers import CONFIG_MAPPING, MODEL_MAPPING
    from transformers.models.auto import modeling_auto as auto

    writers = (
        auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    )
    if any(model_type in names for names in writers):
        return True
    try:
        found = MODEL_MAPPING[CONFIG_MAPPING[model_type]]
    except (KeyError, ValueError, ImportError):  # a part of another model, or one that needs an audio library
        return False
    main: Any = found[0] if isinstance(found, (list, tuple)) else found
    modalities = main.input_modalities
    texts = "text" in ([modalities] if isinstance(modalities, str) else modalities)
    return bool(texts and main.main_input_name == "input_ids")


def embedding_rows(network: Any) -> float:
    """How many tokens has the network a place for? Infinitely many where that is not known."""
    try:
        table = network.get_input_embeddings()
    except (NotImplementedError, AttributeError):
        return inf
    return getattr(table, "num_embeddings", inf)
