"""What is asked of a run over a picture, together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from attnviz.core.interventions import Intervention
from attnviz.core.rules import Rule


@dataclass(frozen=True)
class Look:
    """How a picture is looked at; the fields mean what the arguments of `record` mean."""

    rule: Rule
    interventions: tuple[Intervention, ...]
    values: bool | None
    predictions: bool
    states: bool
    on_layer: Callable[[int, int], object] | None
    stop: Callable[[], bool] | None
