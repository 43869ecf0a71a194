"""Is what `record`, `record_batch` and `generate` are given of the kinds that they take? Asked before a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attnviz.core.given import listed, whole
from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule
from attnviz.errors import ArgumentError, ModelError, TextError, shown
from attnviz.models.load import Model
from attnviz.pictures import Picture, Seen
from attnviz.sounds import Sound
from attnviz.sounds.heard import Heard
from attnviz.systems.protocol import System
from attnviz.text.tokens import Encoded

# Kinds of models that read no text, and the sentence of each for those who put one to it.
THINGS = {
    "vision": "model_sees", "hearing": "model_hears", "series": "model_forecasts", "captioning": "model_captions",
}  # fmt: skip


def check_model(model: Any, things: bool | tuple[str, ...] = False) -> Model | System:
    """A model or a system, which reads `things` that are no text only where it may, or those of some kinds alone.

    Raises `ArgumentError`, `ModelError`.
    """
    if isinstance(model, Model) and model.kind in THINGS and things is not True and model.kind not in (things or ()):
        raise ModelError(THINGS[model.kind], model=model.name)
    try:
        if isinstance(model, (Model, System)):
            return model
    except Exception:  # a thing that fails when it is asked what it has
        pass
    raise ArgumentError("argument_model", got=shown(model))


def check_text(name: str, text: Any) -> str | Encoded:
    """A text, or one that was cut into tokens already, of which there is at least one. Raises `ArgumentError`."""
    if isinstance(text, (Picture, Seen)):
        raise TextError("picture_for_text")
    if isinstance(text, (Sound, Heard)):
        raise TextError("sound_for_text")
    if not isinstance(text, (str, Encoded)):
        raise ArgumentError("argument_text", name=name, got=shown(text))
    if isinstance(text, Encoded) and not text.ids:
        raise TextError("text_empty")
    return text


def check_texts(name: str, texts: Any) -> list[Any]:
    """Some texts. Raises `ArgumentError`."""
    return [check_text(name, text) for text in listed(name, texts)]


def check_rule(rule: Any) -> Rule | None:
    """A rule, or None. Raises `ArgumentError`."""
    if rule is not None and not isinstance(rule, Rule):
        raise ArgumentError("argument_rule", name="rule", got=shown(rule))
    return rule


def check_changes(changes: Any) -> tuple[Intervention, ...]:
    """Interventions in a row. Raises `ArgumentError`."""
    try:
        found = tuple(changes)
    except Exception:
        found = (None,)
    if not all(isinstance(one, Intervention) for one in found):
        raise ArgumentError("argument_change", got=shown(changes))
    return found


def check_blank(blank: Any) -> int | None:
    """The number of a token, or None. Raises `ArgumentError`."""
    return None if blank is None else whole("blank", blank)


def one_each(name: str, given: Any, texts: Sequence[object]) -> list[Any]:
    """An entry for each text, None where none were given. Raises `ArgumentError` for another number of them."""
    if given is None:
        return [None] * len(texts)
    found = listed(name, given)
    if len(found) != len(texts):
        raise ArgumentError("argument_each", name=name, texts=len(texts), got=len(found))
    return found
