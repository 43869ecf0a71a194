"""What a decoder that writes down sound begins with: Whisper's marks of language and task, or a start token alone.

`generate` of transformers' Whisper makes these by itself, and does more: it cuts long sound, falls back to drawing, and
for the times of tokens switches the model, which others use, to its own attention. It is not called here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from attnviz.adapter.machine import brought, placed
from attnviz.errors import ModelError


def codes(network: Any) -> tuple[str, ...]:
    """The languages that a multilingual Whisper can be told, by their codes; () for another."""
    known = getattr(getattr(network, "generation_config", None), "lang_to_id", None) or {}
    return tuple(str(name).strip("<|>") for name in known)


def beginning(name: str, network: Any, inputs: dict[str, Any], languages: tuple[str | None, str | None]) -> list[int]:
    """The tokens that an answer begins with; which language is heard is asked of the model where it is not told.

    Of `languages` the first is what is heard, the second what is written: the same, or English, which a multilingual
    Whisper translates to. Raises `ModelError` for a language that the model does not know.
    """
    settings = network.generation_config
    start = [int(_first(settings.decoder_start_token_id, network.config.decoder_start_token_id, 0))]
    if network.config.model_type != "whisper":
        _refuse(name, network, languages)
        return start
    marks = _marks(name, network, settings, languages, lambda: _detected(network, inputs, start[0], settings))
    silent = getattr(settings, "no_timestamps_token_id", None)
    return [*start, *marks, *([int(silent)] if silent is not None and (not marks or marks[-1] != silent) else [])]


def _marks(
    name: str, network: Any, settings: Any, languages: tuple[str | None, str | None], detected: Callable[[], int]
) -> list[int]:
    """The marks of the language that is heard and of the task."""
    _refuse(name, network, languages)
    known, tasks = getattr(settings, "lang_to_id", None), getattr(settings, "task_to_id", None)
    if known and getattr(settings, "is_multilingual", True):
        heard, written = languages
        told = heard or _bare(getattr(settings, "language", None))
        number = int(known[f"<|{told}|>"]) if told and f"<|{told}|>" in known else detected()
        other = written == "en" and number != known.get("<|en|>")
        task = "translate" if other else getattr(settings, "task", None) or "transcribe"
        return [number, *([int(tasks[task])] if tasks and task in tasks else [])]
    forced = getattr(settings, "forced_decoder_ids", None) or getattr(network.config, "forced_decoder_ids", None) or []
    return [int(token) for _, token in sorted(forced) if token is not None]


def _refuse(name: str, network: Any, languages: tuple[str | None, str | None]) -> None:
    """Refuse languages that a model does not know. Raises `ModelError`."""
    known = codes(network)
    for code in languages:
        if code is not None and not known:
            raise ModelError("model_without_languages", model=name)
        if code is not None and code not in known:
            some = ", ".join(known[:6])
            raise ModelError("language_unknown", model=name, language=code, count=len(known), some=some)
    heard, written = languages
    if written not in (None, heard, "en"):
        raise ModelError("language_unwritten", model=name, language=written)


def _detected(network: Any, inputs: dict[str, Any], start: int, settings: Any) -> int:
    """The mark of the language that the model takes the sound for (Radford et al. 2022, sec. 2.3)."""
    marks = sorted(int(number) for number in settings.lang_to_id.values())
    given = placed(network, {**inputs, "decoder_input_ids": torch.tensor([[start]])})
    with torch.inference_mode():
        scores: Tensor = brought(network(**given, use_cache=False)).logits[0, -1]
    return marks[int(scores[marks].argmax())]


def _bare(language: Any) -> str | None:
    """A language's code without the marks round it."""
    return None if language is None else str(language).strip("<|>")


def _first(*values: Any) -> Any:
    """The first that is not None."""
    return next(value for value in values if value is not None)
