"""The choices of the page on time series by their names in a link."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from attnviz.ui.kit import RULE_PARAMS, Param, between, matching, one_of
from attnviz.ui.pages.series.run import GONE, KEY, MODEL, SAMPLES

KINDS, WAYS, OWN = ("air", "own"), ("train", "built"), "own"
MOMENTS = {
    "haze": "2014-11-19 12:00", "wind": "2014-02-26 12:00", "sudden": "2014-01-15 12:00",
    "festival": "2014-01-30 18:00", "clear": "2014-05-12 08:00",
}  # fmt: skip
HEAD = r"([ceds]\.)?\d{1,2}\.\d{1,2}"  # of a map of a model from elsewhere, by its first letter: e.0.1
HEADS = re.compile(rf"({HEAD}(-{HEAD})*)?")
COLUMNS = re.compile(r"(\d{1,4}(\.\d{1,4})*)?")
TIME = re.compile(r"(rows|parts|\d{1,4})?")
STRETCH = r"\d{1,4}-\d{1,4}"  # steps before the forecast, from and to: 24-12
HIDDEN = re.compile(rf"({STRETCH}(\.{STRETCH}){{0,99}})?")
PART = re.compile(r"cross|decoder|encoder( \d{1,2})?")
MOST = 1e12
HELD = ("occluded_zero", "occluded_mean")  # what past steps are put to
PARAMS = {
    **RULE_PARAMS,
    "model": Param("model", KEY + "model", MODEL, str),
    "what": Param("series", KEY + "what", "air", one_of(*KINDS)),
    "moment": Param("from", KEY + "moment", MOMENTS["haze"], str),
    "sample": Param("table", KEY + "sample", SAMPLES[0], one_of(*SAMPLES, OWN)),
    "value": Param("column", KEY + "value", "", matching(COLUMNS)),
    "time": Param("time", KEY + "time_column", "", matching(TIME)),
    "way": Param("by", KEY + "way", "train", one_of(*WAYS)),
    "back": Param("back", KEY + "back", 0, between(0, 999_999, int), slides=True),
    "channel": Param("channel", KEY + "channel", 0, between(0, 9_999, int)),
    "hour": Param("hour", KEY + "hour", 5, between(0, 9_999, int)),
    "ask": Param("ask", KEY + "ask", 0, between(0, 9_999, int)),
    "map": Param("map", KEY + "map", 0, between(0, 9_999, int)),
    "gone": Param("without", KEY + "gone", "", one_of(*GONE)),
    "hidden": Param("hidden", KEY + "hidden", "", matching(HIDDEN)),
    "at": Param("spike", KEY + "at", 0, between(0, 9_999, int)),
    "spike": Param("height", KEY + "spike", 500.0, between(-MOST, MOST, float)),
    "off": Param("off", KEY + "off", "", matching(HEADS)),
    "held": Param("held", KEY + "held", HELD[0], one_of(*HELD)),
    "part": Param("part", KEY + "part", "cross", matching(PART)),
}


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def put(name: str, value: object) -> None:
    """Choose something on the page."""
    st.session_state[PARAMS[name].key] = value


def forget_changes() -> None:
    """What belonged to the other series: what was taken away and put in, and where it was."""
    for name in ("gone", "hidden", "at", "back"):
        put(name, PARAMS[name].default)


def forget_model() -> None:
    """What belonged to the other model: its heads, its maps, its channels, and what was changed."""
    forget_changes()
    for name in ("off", "map", "hour", "ask", "channel", "part", "value"):
        put(name, PARAMS[name].default)


def take_hour() -> None:
    """A row of the map, or a coming step, was clicked: it is the one that looks."""
    if (found := st.session_state[KEY + "picture"]["picked"]) is not None:
        put("hour", max(0, int(found)))


def take_map() -> None:
    """A head was clicked."""
    if (found := st.session_state[KEY + "picture"]["head"]) is not None:
        put("map", max(0, int(found)))


def take_hidden() -> None:
    """A stretch was dragged over, or marked by keyboard: it is hidden or shown again; what the list hid is among it."""
    if (found := st.session_state[KEY + "picture"]["hidden"]) is not None:
        put("hidden", found if HIDDEN.fullmatch(str(found)) else "")
        put("gone", "")
