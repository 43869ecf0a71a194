"""What is asked of a run over a picture, a sound or values over time, together; and what does it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule

if TYPE_CHECKING:
    from attnviz.adapter.registered import Follow
    from attnviz.trace import Trace

# What runs a model of each kind that reads no text: it knows from `record` how a run goes, so that is named here.
LOOKED = {
    "vision": ("pictures", "looked"), "hearing": ("things.sounds", "listened"), "series": ("things.series", "foreseen"),
    "captioning": ("things.captions", "told"),
}  # fmt: skip
USUAL = (None, (None, None))  # what an argument is where nobody asked for it


@dataclass(frozen=True)
class Look:
    """How a thing is looked at; the fields mean what the arguments of `record` mean.

    A run over a picture may have something `follow` it, as those over texts (`recording.things.glances`).
    """

    rule: Rule
    interventions: tuple[Intervention, ...]
    values: bool | None
    predictions: bool
    states: bool
    on_layer: Callable[[int, int], object] | None
    stop: Callable[[], bool] | None
    follow: Follow | None = None


def looked(model: Any, thing: Any, look: Look, given: Mapping[str, Any]) -> Trace:
    """What does a model do with what is no text, or not alone? `given` is what was asked for beside, by its names."""
    beside = given.get("picture") is not None and model.kind not in LOOKED  # a text with a picture
    place, name = LOOKED["captioning" if beside else model.kind]
    found: Trace = getattr(import_module(f"{__package__}.{place}"), name)(model, thing, look, given)
    return found


def beyond(given: Mapping[str, Any], may: Collection[str] = ()) -> str:
    """What was asked for beside and may not be, by its names; "" where that is nothing."""
    return ", ".join(name for name, one in given.items() if name not in may and one not in USUAL)
