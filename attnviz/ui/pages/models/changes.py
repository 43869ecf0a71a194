"""The changes a reader makes inside a run, as short codes that links and caches can hold.

    -3.2        remove head 2 of layer 3                5>4         token 5 may not look at token 4
    =3.2        keep only head 2 of layer 3             ~4          no one looks at token 4

An edge or a token may end in @3 (in layer 3) or @3.2 (in head 2 of layer 3), and any of them may begin with the name of
a map and a colon (cross:-3.2). A character or a word names all its tokens: ~4_5 hides both, 1_2>4_5 forbids four edges.
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
    r"(?:(?P<part>[a-z_]+):)?(?:(?P<kind>[-=])(?P<layer>\d+)\.(?P<head>\d+)|"
    r"(?:(?P<query>\d+(?:_\d+)*)>(?P<key>\d+(?:_\d+)*)|~(?P<token>\d+(?:_\d+)*))"
    r"(?:@(?P<in_layer>\d+)(?:\.(?P<in_head>\d+))?)?)"
)


def read(text: str) -> str:
    """Codes from a link, those left out that say nothing."""
    return ";".join(code for code in text.split(";") if CODE.fullmatch(code))


def chosen() -> tuple[str, ...]:
    """The changes now in force."""
    return tuple(code for code in str(st.session_state.get(KEY + "changes") or "").split(";") if code)


def as_interventions(codes: Sequence[str]) -> tuple[Intervention, ...]:
    """What the engine does for them: a change for each head, token and edge that they name."""
    return tuple(one for code in codes for one in _meant(code))


def contradiction(codes: Sequence[str]) -> tuple[int, int] | None:
    """Which two of these contradict each other? None where none do."""
    from attnviz.core import interventions

    named = [place for place, code in enumerate(codes) for _ in _meant(code)]
    found = interventions.contradiction(as_interventions(codes))
    return None if found is None else (named[found[0]], named[found[1]])


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
    return [code for code in codes if all(interventions.idle(one, calls) for one in _meant(code))]


def tokens(text: str) -> tuple[int, ...]:
    """The tokens that a part of a code names.

    >>> tokens("4_5")
    (4, 5)
    """
    return tuple(int(number) for number in text.split("_"))


def named(places: Sequence[int]) -> str:
    """How a code names these tokens.

    >>> named([4, 5])
    '4_5'
    """
    return "_".join(map(str, places))


def _meant(code: str) -> tuple[Intervention, ...]:
    """The engine's changes for one code."""
    from attnviz.core.interventions import ForbidEdge, HideToken, KeepHead, RemoveHeads

    found = CODE.fullmatch(code)
    assert found is not None
    part = found["part"]
    if found["kind"]:
        layers, head = (int(found["layer"]),), int(found["head"])
        removed = found["kind"] == "-"
        return (
            RemoveHeads((head,), layers=layers, part=part) if removed else KeepHead(head, layers=layers, part=part),
        )
    layers_in = None if found["in_layer"] is None else (int(found["in_layer"]),)
    if found["token"]:
        return tuple(HideToken(token, layers=layers_in, part=part) for token in tokens(found["token"]))
    heads = None if found["in_head"] is None else (int(found["in_head"]),)
    return tuple(
        ForbidEdge(query, key, heads, layers=layers_in, part=part)
        for query in tokens(found["query"])
        for key in tokens(found["key"])
    )
