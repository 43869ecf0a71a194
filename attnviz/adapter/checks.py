"""Models that are refused by their config.json alone, before any weights are fetched or read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

from attnviz.errors import ModelError

ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # as peft saves an adapter


def said_in(file: Path) -> dict[str, Any]:
    """What a JSON file says; {} where there is none, or none that can be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_config(name: str, folder: Path) -> dict[str, Any]:
    """What does config.json of `folder` say? Raises `ModelError` where it cannot be read."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}")
    except ValueError as reason:  # broken JSON and broken UTF-8 alike
        raise ModelError("config_unreadable", model=name, reason=reason) from reason
    return found


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
    if config.get("quantization_config"):
        method = dict(config["quantization_config"]).get("quant_method", "?")
        raise ModelError("quantised", model=name, method=method)
    if not _reads_text(kind):
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
