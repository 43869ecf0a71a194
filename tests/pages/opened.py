"""Open the app or a page alone without a browser, and read what stands on it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from attnviz.ui import registry
from attnviz.ui.kit.markdown import UNSEEN
from attnviz.ui.pages.attention.choices import KEY, PARAMS

ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds: four models are loaded on the first run, on a machine that may be busy
START = "南京市长江大桥"


def opened(lang: str = "en", **link: str) -> AppTest:
    """The whole app, opened by a link."""
    return _run(ROOT / "app.py", lang, link)


def _run(script: Path, lang: str, link: dict[str, str]) -> AppTest:
    at = AppTest.from_file(str(script), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def file_of(name: str) -> Path:
    """The file of a page by the page's name."""
    return ROOT / next(screen.file for screen in registry.screens() if screen.name == name)


def run_page(name: str, lang: str, link: dict[str, str]) -> AppTest:
    """A page without app.py around it, opened by a link."""
    return _run(file_of(name), lang, link)


def alone(lang: str = "en", **link: str) -> AppTest:
    """The attention page without app.py around it, opened by a link."""
    return run_page("attention", lang, link)


def chosen(at: AppTest, name: str) -> object:
    """The value of a choice by its name in PARAMS."""
    return at.session_state[PARAMS[name].key]


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    """The control of a choice by its name in PARAMS."""
    return by_key(at, PARAMS[name].key)


def by_key(at: AppTest, key: str):  # type: ignore[no-untyped-def]
    """The control of a key."""
    return next(element for element in elements(at) if getattr(element, "key", None) == key)


def component(at: AppTest, key: str) -> dict[str, Any]:
    """What the browser is given for the component of a key; {} where it is not on the page."""
    found = (json.loads(one.proto.json) for one in at.get("bidi_component") if one.proto.id.endswith(key))
    return next(found, {})


def change(at: AppTest, **choices: object) -> AppTest:
    """Set one control after the other, the page run after each."""
    for name, value in choices.items():
        control(at, name).set_value(value)
        at.run()
    return at


def elements(at: AppTest) -> Iterator[object]:
    """All elements, the main part's before the sidebar's."""
    yield from at.main
    yield from at.sidebar


def words(at: AppTest) -> list[str]:
    """Every text on the page: labels, options, what is written; not what is inside charts."""
    found: list[str] = []
    for element in elements(at):
        parts = [getattr(element, name, None) for name in ("label", "placeholder", "help", "options")]
        if type(element).__name__ in ("Markdown", "Caption", "Error", "Warning", "Info"):
            parts.append(element.value)
        for part in parts:
            found += [part] if isinstance(part, str) else [str(one) for one in part or ()]
    return [text for text in found if text]


def seen(markdown: str) -> str:
    """What a reader sees of a text in which `plain` has escaped what was not written by us."""
    return re.sub(r"\\([^\w\s])|\\(_)", r"\1\2", markdown).replace(UNSEEN, "")


def charts(at: AppTest) -> list[dict]:
    """The figures as they are sent to the browser, the grid first."""
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def array(values: dict | list) -> np.ndarray:
    """Numbers of a figure, which travel as base64 typed arrays."""
    if isinstance(values, list):
        return np.array(values)
    shape = [int(n) for n in str(values.get("shape", "-1")).split(",")]
    kind = {"u1": "u1", "i1": "i1", "i2": "<i2", "i4": "<i4", "f4": "<f4", "f8": "<f8"}[values["dtype"]]
    return np.frombuffer(base64.b64decode(values["bdata"]), dtype=kind).reshape(shape)


def mosaic(at: AppTest) -> np.ndarray:
    """The bytes of the grid."""
    return array(charts(at)[0]["data"][0]["z"])


def cells(at: AppTest) -> np.ndarray:
    """The cells of the open head."""
    return array(charts(at)[1]["data"][0]["z"])


def said(at: AppTest) -> str:
    """All that is written on the page, one text a line."""
    return "\n".join(words(at))


__all__ = [
    "KEY", "START", "alone", "array", "by_key", "cells", "change", "charts", "chosen", "component", "control",
    "elements", "file_of", "mosaic", "opened", "run_page", "said", "seen", "words",
]  # fmt: skip
