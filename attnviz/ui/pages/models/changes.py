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

from attnviz.ui.kit.controls import KEY as SHARED
from attnviz.ui.kit.language import t
from attnviz.ui.kit.panels import plain

if TYPE_CHECKING:
    from attnviz.core.interventions import Intervention
    from attnviz.selection import Selection
    from attnviz.trace import Trace

KEY = "models."
CODE = re.compile(
    r"(?:(?P<part>[a-z_]+):)?(?:(?P<kind>[-=])(?P<layer>\d+)\.(?P<head>\d+)|(?:(?P<query>\d+)>(?P<key>\d+)|~(?P<token>\d+))"
    r"(?:@(?P<in_layer>\d+)(?:\.(?P<in_head>\d+))?)?)"
)
SCOPES = ("all", "layer", "head")


def read(text: str) -> str:
    """Codes from a link, those left out that say nothing."""
    return ";".join(code for code in text.split(";") if CODE.fullmatch(code))


def chosen() -> tuple[str, ...]:
    """The changes now in force."""
    return tuple(code for code in str(st.session_state.get(KEY + "changes") or "").split(";") if code)


def as_interventions(codes: Sequence[str]) -> tuple[Intervention, ...]:
    """What the engine does for them."""
    return tuple(_one(code) for code in codes)


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


def title(code: str, trace: Trace | None = None) -> str:
    """One change in words."""
    found = CODE.fullmatch(code)
    assert found is not None
    part = f"{t('part_' + found['part'])} · " if found["part"] else ""
    if found["kind"]:
        return part + t("change_remove" if found["kind"] == "-" else "change_keep", **_numbers(found, "layer", "head"))
    where = "" if not found["in_layer"] else f" @ {t('layer')} {found['in_layer']}"
    where += "" if not found["in_head"] else f", {t('head')} {found['in_head']}"
    if found["token"]:
        return part + t("change_hide", token=_name(trace, found["token"], keys=True)) + where
    query, key = _name(trace, found["query"], keys=False), _name(trace, found["key"], keys=True)
    return part + t("change_forbid", query=query, key=key) + where


def _numbers(found: re.Match[str], *names: str) -> dict[str, str]:
    """Groups by their names."""
    return {name: found[name] for name in names}


def _name(trace: Trace | None, number: str, *, keys: bool) -> str:
    """A token's number with its label, where it is known."""
    labels = [] if trace is None else trace.key_tokens if keys else trace.tokens
    return f"{number} {labels[int(number)]}" if int(number) < len(labels) else number


def choose(trace: Trace, selection: Selection, *, locked: bool) -> None:
    """Buttons that change something about the open head, edge or token; none that acts where the model is `locked`."""
    layer, head, (query, key) = selection.layer, selection.head, selection.cell or (0, 0)
    st.markdown(f"**{t('change_title')}**")
    st.session_state.setdefault(KEY + "where", "all")
    scope = st.segmented_control(
        t("change_where"), SCOPES, format_func=lambda name: t(f"change_in_{name}"), key=KEY + "where", required=True,
        help=t("change_where_help"), width="stretch", disabled=locked, label_visibility="collapsed",
    )  # fmt: skip
    prefix = "" if trace.part == "self" else f"{trace.part}:"
    where = {"all": "", "layer": f"@{layer}", "head": f"@{layer}.{head}"}[scope or "all"]
    offers = {
        "remove_head": f"{prefix}-{layer}.{head}",
        "keep_head": f"{prefix}={layer}.{head}",
        "forbid": f"{prefix}{query}>{key}{where}",
        "hide": f"{'decoder:' if trace.part == 'decoder' else ''}~{key}{where.split('.')[0]}",
    }
    tokens = {"query": plain(trace.tokens[query]), "key": plain(trace.key_tokens[key])}
    places = [*st.columns(2, gap="small"), st.container(), st.container()]
    for place, (name, code) in zip(places, offers.items(), strict=True):
        place.button(
            t(f"change_{name}_button", **tokens), key=KEY + name, on_click=_add, args=(code,), width="stretch",
            help=t(f"change_{name}_help", layer=layer, head=head, **tokens), disabled=locked or code in chosen(),
        )  # fmt: skip


def show(trace: Trace | None) -> None:
    """The changes in force, each with a way to take it back."""
    codes = chosen()
    if not codes:
        return
    st.session_state[KEY + "chips"] = list(codes)
    st.multiselect(
        t("changes"), codes, key=KEY + "chips", format_func=lambda code: title(code, trace), on_change=_take_back
    )


def _add(code: str) -> None:
    """One more change; a change of the run shows only where the model runs with it."""
    st.session_state[KEY + "changes"] = ";".join([*chosen(), code])
    st.session_state[SHARED + "scope"] = "run"


def _take_back() -> None:
    """What was left in the list."""
    st.session_state[KEY + "changes"] = ";".join(st.session_state[KEY + "chips"])
