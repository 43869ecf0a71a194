"""Every rule of the engine, for the lists of tests: a rule that is added is in all of them by itself."""

from __future__ import annotations

from attnviz.core import rules
from attnviz.core.rules import Rule


def kinds() -> list[type[Rule]]:
    """The classes of rules, in the order in which `core/rules.py` has them."""
    return [kind for kind in vars(rules).values() if isinstance(kind, type) and issubclass(kind, Rule) and kind != Rule]


def every_kind(*chosen: Rule) -> list[Rule]:
    """These rules, and of each kind that is not among them one with its own defaults."""
    return [*chosen, *(kind() for kind in kinds() if kind not in map(type, chosen))]
