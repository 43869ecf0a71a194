"""Recording a system of the family: what `record` asks of a model becomes one call of the system's own `read`."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature

from attnviz.core.rules import Rule
from attnviz.errors import AttnvizError
from attnviz.systems.protocol import System
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace


def read(
    system: System, text: str | Encoded, rule: Rule | None, target: str | Encoded | None, beyond: Mapping[str, bool]
) -> Trace:  # fmt: skip
    """What does a system look at in `text`? `beyond` says what else was asked for, by the names of `record`.

    Raises `AttnvizError` for what a system cannot do: those, a text that was cut elsewhere, a target where it reads one
    text alone.
    """
    known = signature(system.read).parameters
    refused = [name for name, asked in beyond.items() if asked]
    refused += ["Encoded"] if isinstance(text, Encoded) or isinstance(target, Encoded) else []
    refused += ["target"] if target is not None and "target" not in known else []
    if refused:
        raise AttnvizError("system_cannot", model=system.name, what=", ".join(refused))
    given = {} if target is None else {"target": target}
    return system.read(text, rule=rule, **given)
