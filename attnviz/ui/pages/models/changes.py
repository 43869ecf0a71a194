"""The changes a reader makes inside a run, as short codes that links and caches can hold.

    -3.2        remove head 2 of layer 3                5>4         token 5 may not look at token 4
    =3.2        keep only head 2 of layer 3             ~4          no one looks at token 4

An edge or a token may end in @3 (in layer 3) or @3.2 (in head 2 of layer 3), and any of them may begin with the name of
a map and a colon (cross:-3.2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from attnviz.core.interventions import Intervention
    from attnviz.trace import Trace

KEY = "models."
CODE = re.compile(
    r"(?:(?P<part>[a-z_]+):)?(?:(?P<kind>[-=])(?P<layer>\d+)\.(?P<head>\d+)|(?:(?P<query>\d+)>(?P<key>\d+)|~(?P<token>\d+))"
    r"(?:@(?P<in_layer>\d+)(?:\.(?P<in_head>\d+))?)?)"
)


def read(text: str) -> str:
    """Codes from a link, those left out that say nothing."""
    return ";".join(code for code in text.split(";") if CODE.fullmatch(code))


def chosen() -> tuple[str, ...]:
    """The changes now in force."""
    return tuple(code for code in str(st.session_state.get(KEY + "changes") or "").split(";") if code)


def as_interventions(codes: Sequence[str]) -> tuple[Intervention, ...]:
    """What the engine does for them."""
    return tuple(_one(code) for code in codes)


def contradiction(codes: Sequence[str]) -> tuple[int, int] | None:
    """Which two of these contradict each other? None where none do."""
    from attnviz.core import interventions

    return interventions.contradiction(as_interventions(codes))


def against(code: str, in_force: Sequence[str]) -> str | None:
    """Which change in force contradicts this one?"""
    return next((one for one in in_force if contradiction((one, code)) is not None), None)


def idle(codes: Sequence[str], before: Trace) -> list[str]:
    """Which of these change nothing in the run that was made without any?"""
    from attnviz.core import interventions

    calls = [
        (interventions.Place(part, layer), before.map(part).attention(layer))
        for part in (before.parts if codes else ())
        for layer in before.map(part).open_layers
    ]
    return [code for code in codes if interventions.idle(_one(code), calls)]


def _one(code: str) -> Intervention:
    """The engine's change for one code."""
    from attnviz.core.interventions import ForbidEdge, HideToken, KeepHead, RemoveHeads

    found = CODE.fullmatch(code)
    assert found is not None
    part, number = (
        found["part"],
        {name: int(text) for name, text in found.groupdict().items() if (text or "").isdigit()},
    )
    if found["kind"]:
        layers = (number["layer"],)
        if found["kind"] == "-":
            return RemoveHeads((number["head"],), layers=layers, part=part)
        return KeepHead(number["head"], layers=layers, part=part)
    layers_in = (number["in_layer"],) if "in_layer" in number else None
    if found["token"]:
        return HideToken(number["token"], layers=layers_in, part=part)
    heads = (number["in_head"],) if "in_head" in number else None
    return ForbidEdge(number["query"], number["key"], heads, layers=layers_in, part=part)
