"""A rule as caches and links know it: its name and its number as plain values.

Nothing here imports torch before a run needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnviz.core.rules import Rule

HARD = ("top-k", "threshold", "top-p", "argmax", "sample")
SPARSE = ("sparsemax", "entmax")


@dataclass(frozen=True)
class Setting:
    """The number of one rule: its name, the range it may take, its start and the step of its slider."""

    name: str
    low: float
    high: float
    start: float
    step: float

    @property
    def kind(self) -> type[int] | type[float]:
        """Whole numbers or not."""
        return int if isinstance(self.start, int) else float


SETTINGS = {
    "soft": Setting("temperature", 0.1, 5.0, 1.0, 0.1),
    "top-k": Setting("k", 1, 16, 2, 1),
    "threshold": Setting("minimum", 0.0, 1.0, 0.1, 0.01),
    "top-p": Setting("p", 0.05, 1.0, 0.9, 0.05),
    "sample": Setting("seed", 0, 99, 0, 1),
    "entmax": Setting("alpha", 1.0, 4.0, 1.5, 0.1),
}


@dataclass(frozen=True)
class RuleChoice:
    """A rule by name: what caches and links know it by. `number` is the rule's own setting, None without one."""

    name: str
    number: float | None
    renormalise: bool


SOFT = RuleChoice("soft", 1.0, False)
KINDS = {  # the engine's class of each rule, by name: to import it would import torch
    "soft": "Soft", "top-k": "TopK", "threshold": "Threshold", "top-p": "TopP", "argmax": "Argmax",
    "sample": "Sample", "sparsemax": "Sparsemax", "entmax": "Entmax",
}  # fmt: skip


def as_rule(choice: RuleChoice) -> Rule:
    """The engine's rule for a choice: below the controls and the keys of caches, rules travel in this form alone."""
    from attnviz.core import rules

    told: dict[str, float | bool] = {"renormalise": choice.renormalise} if choice.name in HARD else {}
    if choice.name in SETTINGS and choice.number is not None:
        told[SETTINGS[choice.name].name] = SETTINGS[choice.name].kind(choice.number)
    made: Rule = getattr(rules, KINDS[choice.name])(**told)
    return made
