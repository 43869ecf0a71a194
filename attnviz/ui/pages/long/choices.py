"""The choices of the page for long texts: which text, which model, which part of the map, which token is followed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, cast

import streamlit as st

from attnviz.selection import SCALES, Selection, Style
from attnviz.ui.kit import (
    BUILT_IN,
    RULE_PARAMS,
    SHARED_PARAMS,
    Param,
    address,
    as_rule,
    between,
    choose_any_model,
    choose_one,
    choose_revision,
    choose_scale,
    language,
    offer_samples,
    one_of,
    plain,
    rule_now,
    style_now,
    t,
)
from attnviz.ui.pages.long.find import Hit, nearest, number_of, occurrences
from attnviz.ui.pages.long.view import Place, Window, around, fitted, moved, window

if TYPE_CHECKING:
    from attnviz.selection import Scale
    from attnviz.text.tokens import Encoded

KEY = "long."
START = "lab-long"  # the one built-in model that reads long texts
READS = {START: 8192, **dict.fromkeys(BUILT_IN, 256)}  # tokens
POOLS = ("max", "mean")
SIDES = ("query", "key")
SAMPLES = ("yueyang", "analects", "gettysburg", "alice", "yueyang_twice", "gettysburg_twice")
FIRST = {"zh": "analects", "en": "alice"}
OWN = "own"
WINDOW = ("q0", "q1", "k0", "k1")
NUMBER = between(0, 999_999, int)
PARAMS = {
    **RULE_PARAMS,
    "layer": SHARED_PARAMS["layer"],
    "head": SHARED_PARAMS["head"],
    "scale": Param("scale", KEY + "scale", "row", one_of(*SCALES)),
    "sample": Param("sample", KEY + "sample", None, one_of(*SAMPLES, OWN)),
    "text": Param("text", KEY + "linked", "", str),
    "model": Param("model", KEY + "model", START, str),
    "revision": Param("revision", KEY + "revision", "", str),
    "how": Param("how", KEY + "how", "max", one_of(*POOLS)),
    **{name: Param(name, KEY + name, None, NUMBER) for name in WINDOW},
    "find": Param("find", KEY + "find", "", str),
    "follow": Param("follow", KEY + "follow", "query", one_of(*SIDES)),
    "query": Param("query", KEY + "query", 20, NUMBER, slides=True),
    "key": Param("key", KEY + "key", 20, NUMBER, slides=True),
}


@dataclass(frozen=True)
class Look:
    """What the pictures need to know beside the run: names and numbers, so that caches know it by them."""

    selection: Selection
    style: Style
    how: Literal["max", "mean"] = "max"


def choice_of(name: str) -> Any:
    """What is chosen for one of `PARAMS`."""
    return st.session_state[PARAMS[name].key]


@cache  # the shipped samples: 0.2 MB together
def sample(name: str) -> str:
    """One of the texts to begin with; some are the beginning of another one, twice."""
    said = _samples()[name]
    if "twice" not in said:
        return str(said["text"]).strip()
    lines = sample(said["twice"]).splitlines()[: said["lines"]]
    return "\n".join(lines * 2)


@cache  # the shipped samples: 0.2 MB
def _samples() -> dict[str, Any]:
    return tomllib.loads(files("attnviz").joinpath("content", "long.toml").read_text(encoding="utf-8"))


def begin() -> None:
    """The text of the link, or a sample, where the text box will find it; later the text that was left there."""
    if address.returned():
        st.session_state[KEY + "held"] = None
        before, now = st.session_state.get(KEY + "before", ()), place().now
        st.session_state[KEY + "before"] = before[: before.index(now)] if now in before else ()
    if KEY + "text" not in st.session_state or address.returned():
        name = choice_of("sample") or (OWN if choice_of("text") else FIRST[language()])
        held = st.session_state.get(KEY + "held")
        st.session_state[KEY + "text"] = (
            held if held is not None else choice_of("text") if name == OWN else sample(name)
        )


def choose_text() -> str:
    """The text box with the samples under it; a link carries the sample's name, or the text."""
    text = str(
        st.text_area(
            t("long.text"), key=KEY + "text", height=80, placeholder=t("long.text_placeholder"),
            label_visibility="collapsed",
        )
        or ""
    )  # fmt: skip
    st.session_state[KEY + "held"] = text
    name = next((one for one in SAMPLES if sample(one) == text.strip()), OWN)
    start = name == FIRST[language()]
    st.session_state[KEY + "sample"] = None if start else name
    st.session_state[KEY + "linked"] = text if name == OWN else ""
    titles = {one: _samples()[one]["title"][language()] for one in SAMPLES}
    offer_samples(
        KEY + "pill", SAMPLES, _take_sample, format_func=titles.__getitem__, label_visibility="collapsed"
    )  # fmt: skip
    return text


def _take_sample(name: str) -> None:
    """Put the sample that was clicked into the box; places belonged to the other text.

    One that is there for a head of lab-long opens it, and follows a token in which it is seen.
    """
    st.session_state[KEY + "text"] = sample(name)
    if choice_of("model") == START:
        for param, number in zip(("layer", "head", "query"), _samples()[name].get("look", ()), strict=False):
            st.session_state[PARAMS[param].key] = number
    go(Place())


def choose_model() -> tuple[str, str]:
    """One of a short list, or any Hub id, folder or GGUF file; the built-in ones say how much they read."""
    from attnviz.models import catalogue

    now, listed = language(), sorted(catalogue(), key=lambda entry: entry.name != START)
    reads = {name: t("long.reads", count=f"{count:,}") for name, count in READS.items()}  # in the reader's language
    titles = {
        one.name: f"{one.name} · {reads[one.name]}" if one.name in reads else f"{one.title[now]} · {one.megabytes} MB"
        for one in listed
    }
    name = choose_any_model(KEY + "model", titles, start=START, about="\n\n" + t("long.model_help"))
    choose_revision(KEY + "revision")
    return name, str(choice_of("revision") or "").strip()


def choose_colours() -> None:
    """How cells are pooled, and the scale of their colours."""
    choose_one(PARAMS["how"], POOLS, t("long.how"), lambda name: t(f"long.how_{name}"), t("long.how_help"))
    choose_scale(PARAMS["scale"])


def look_now(layer: int, head: int) -> Look:
    """What is chosen, as the pictures need it."""
    how: Literal["max", "mean"] = "mean" if choice_of("how") == "mean" else "max"
    selection = Selection(layer, head, rule=as_rule(rule_now()))
    return Look(selection, style_now(cast("Scale", choice_of("scale") or "row")), how)


def place() -> Place:
    """Where on the map the reader is; the link holds the window, the session the way there."""
    numbers = [choice_of(name) for name in WINDOW]
    now = None if None in numbers else Window(*(int(number) for number in numbers))
    return Place(now, tuple(st.session_state.get(KEY + "before", ())))


def go(to: Place) -> None:
    """Be somewhere else."""
    sides = (None,) * 4 if to.now is None else (to.now.q0, to.now.q1, to.now.k0, to.now.k1)
    for name, number in zip(WINDOW, sides, strict=True):
        st.session_state[KEY + name] = number
    st.session_state[KEY + "before"] = to.before


def fit(count: int) -> Place:
    """Bring what a link or another text asked for into a map of so many tokens a side."""
    for name in SIDES:
        st.session_state[KEY + name] = min(int(choice_of(name) or 0), count - 1)
    here = place()
    there = fitted(here.now, count, count)
    if there != here.now:
        go(Place(there, here.before))
    return place()


def step(move: str, count: int) -> None:
    """A step by button or key."""
    go(moved(place(), move, count, count, (int(choice_of("query")), int(choice_of("key")))))


def box(drawn: tuple[float, float, float, float], count: int) -> None:
    """A box was drawn: open it."""
    go(place().to(fitted(window(*drawn, count, count), count, count)))


def point(query: int, key: int, count: int) -> None:
    """A place was clicked: where cells are pooled it opens, and in every case its query and key are followed."""
    st.session_state[KEY + "query"], st.session_state[KEY + "key"] = query, key
    now = place().now
    if now is None or now.pooled:
        go(place().to(around(query, key, count, count)))


def choose_found(encoded: Encoded) -> list[Hit]:
    """A string to look for, how often it stands there, and the way from one occurrence to the next."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="bottom"):
        st.text_input(t("long.find"), key=KEY + "find", placeholder=t("long.find_placeholder"))
        hits = occurrences(encoded, str(choice_of("find") or ""))
        at = int(choice_of(str(choice_of("follow") or "query")))
        for name, by in (("previous", -1), ("next", 1)):
            st.button(
                "‹" if by < 0 else "›", key=KEY + name, help=t(f"long.{name}"), disabled=not hits, on_click=_jump,
                args=(hits, by, len(encoded.ids)),
            )  # fmt: skip
    if str(choice_of("find") or "").strip():
        which = number_of(hits, at)
        if which is not None:
            st.caption(t("long.found", count=len(hits), which=which + 1))
        else:
            st.caption(t("long.found_count", count=len(hits)) if hits else t("long.found_none"))
    return hits


def _jump(hits: list[Hit], by: int, count: int) -> None:
    """To the next occurrence: its token is followed, and the map opens around it."""
    side = str(choice_of("follow") or "query")
    number = nearest(hits, int(choice_of(side)), by)
    if number is None:
        return
    token = hits[number][0]
    st.session_state[KEY + side] = token
    here = place()
    go(here.to(around(token, token, count, count, here.now)))


def choose_followed(labels: tuple[str, ...]) -> tuple[str, int]:
    """A row or a column, and of which token; the token can be typed by number, clicked in the map or in the text."""
    side = choose_one(
        PARAMS["follow"], SIDES, t("long.follow"), lambda name: t(f"long.follow_{name}"), t("long.follow_help")
    )
    token = int(
        st.number_input(t("long.token", token=_short(labels[int(choice_of(side))])), 0, len(labels) - 1, key=KEY + side)
    )
    other = SIDES[1 - SIDES.index(side)]
    st.session_state[KEY + other] = st.session_state[KEY + other]  # its control is not drawn, and would be forgotten
    return side, token


def _short(label: str) -> str:
    """A token inside a control's label, which is Markdown."""
    return plain(label if len(label) <= 16 else label[:15] + "…")
